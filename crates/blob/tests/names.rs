//! What names lead to, asked of a real DNS server of the test's own: what does not exist, what is silent, what changes
//! between two questions, and what is no address of storage.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{
    LeapClock, made_up_url,
    server::{Server, answer},
};
use jiff::Timestamp;
use std::sync::Arc;
use valet_blob::{
    Input, RetryPolicy, StorageError, StorageErrorKind,
    http::{Client, Egress, Origin, PrivateEndpoint, Reach},
};
use valet_grant::{GrantPolicy, GrantUrl, HostRules, ReadGrant};
use valet_testkit::{Dns, DnsAnswer};

const HOST: &str = "acct.blob.core.windows.net";
const PUBLIC: &str = "20.60.1.1";

fn egress(dns: &Dns) -> Egress {
    let mut egress = Egress::new(HostRules::default());
    egress.nameservers = vec![dns.address()];
    egress.connect_timeout = Duration::from_secs(5);
    egress
}

fn client(egress: Egress) -> Client {
    Client::new(egress).unwrap().with_clock(Arc::new(LeapClock::default()))
}

fn grant(host: &str) -> ReadGrant {
    let url = made_up_url(&format!("https://{host}"), "r").replace("spr=https%2Chttp", "spr=https");
    ReadGrant::parse(GrantUrl::new(url), &GrantPolicy::default(), Timestamp::now()).unwrap()
}

async fn open(client: &Client, host: &str) -> StorageError {
    Input::open(client, &grant(host), None).await.unwrap_err()
}

fn why_refused(error: &StorageError) -> &str {
    match &error.kind {
        StorageErrorKind::EgressRefused(why) => why,
        other => panic!("{other:?} is no refusal: {error}"),
    }
}

async fn reach(dns: &Dns, host: &str) -> Reach {
    let origin = Origin::of(&GrantUrl::new(format!("https://{host}/"))).unwrap();
    client(egress(dns)).reach(&origin).await
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_told_from_a_server_that_does_not_answer() {
    let nothing = || DnsAnswer::addresses(&[]);
    for (says, reached) in [
        (vec![DnsAnswer::NoSuchName], Reach::NoSuchHost),
        (vec![nothing()], Reach::NoSuchHost),
        (vec![DnsAnswer::AliasAlone("gone.example".into())], Reach::NoSuchHost),
        // In a circle: it must end, and leads to nothing.
        (vec![DnsAnswer::AliasAlone(HOST.into())], Reach::NoSuchHost),
        (vec![DnsAnswer::Failure], Reach::Silent),
        (vec![DnsAnswer::Refused], Reach::Silent),
        (vec![DnsAnswer::Silence], Reach::Silent),
    ] {
        let dns = Dns::start();
        dns.script(HOST, says.clone());
        assert_eq!(reach(&dns, HOST).await, reached, "{says:?}");
        let [v4, v6] = dns.asked(HOST);
        assert!(v4 > 0 && v6 > 0, "both kinds are asked for: {says:?}");
    }
}

#[tokio::test]
async fn a_server_that_fails_once_is_asked_again() {
    let dns = Dns::start();
    dns.script(HOST, [DnsAnswer::Failure, DnsAnswer::addresses(&["10.1.1.1"])]);
    assert!(why_refused(&open(&client(egress(&dns)), HOST).await).contains("10.1.1.1"));
}

#[tokio::test]
async fn nothing_is_asked_about_names_that_are_not_permitted_or_are_this_machine() {
    let dns = Dns::start();
    for host in ["evil.example", "localhost", "a.localhost", "8.8.8.8"] {
        dns.script(host, [DnsAnswer::addresses(&[PUBLIC])]);
        assert_eq!(reach(&dns, host).await, Reach::Silent, "{host}");
        assert_eq!(dns.asked(host), [0, 0], "{host}");
    }
}

#[tokio::test]
async fn an_answer_of_another_name_is_none() {
    let dns = Dns::start();
    dns.script(HOST, [DnsAnswer::Stray(vec![PUBLIC.parse().unwrap()])]);
    let error = open(&client(egress(&dns)), HOST).await;
    assert!(error.kind != StorageErrorKind::Timeout && !error.to_string().contains(PUBLIC), "{error}");
}

#[tokio::test]
async fn long_answers_come_over_tcp_and_are_judged_to_the_last_address() {
    let dns = Dns::start();
    let mut addresses: Vec<std::net::IpAddr> = (1..=120).map(|n| [20, 60, 1, n].into()).collect();
    addresses.push("10.7.7.7".parse().unwrap());
    dns.script(HOST, [DnsAnswer::TooLong(addresses)]);
    assert!(why_refused(&open(&client(egress(&dns)), HOST).await).contains("10.7.7.7"));
}

/// The addresses that are judged are those that are connected to: the name is asked about once a connection, and
/// what it says later is judged anew.
#[tokio::test]
async fn an_answer_that_changes_between_two_connections_is_judged_anew() {
    let dns = Dns::start();
    dns.script(HOST, [DnsAnswer::addresses(&["127.0.0.2"]), DnsAnswer::addresses(&["127.0.0.1"])]);
    let mut egress = egress(&dns);
    // The first answer may be connected to; nobody listens there, so that the request is tried again.
    let network = "127.0.0.2/32".parse().unwrap();
    egress.exceptions = vec![PrivateEndpoint { host: HOST.into(), network }];
    let error = open(&client(egress), HOST).await;
    assert!(why_refused(&error).contains("127.0.0.1"), "{error}");
    assert_eq!(dns.asked(HOST), [2, 2], "once a connection");
}

#[tokio::test]
async fn a_name_is_asked_about_once_and_its_answer_is_what_is_connected_to() {
    let dns = Dns::start();
    let server = Server::start(|_| answer("403 No", &["content-length: 0"], "")).await;
    let port = server.origin.rsplit(':').next().unwrap();
    // An emulator may be at a private address and at any port: a connection that a test can see.
    let host = "emulator.example";
    dns.script(host, [DnsAnswer::addresses(&["127.0.0.1"]), DnsAnswer::addresses(&["169.254.169.254"])]);
    let mut egress = egress(&dns);
    egress.hosts.development = vec![host.parse().unwrap()];
    let client = client(egress);
    let origin = Origin::of(&GrantUrl::new(format!("http://{host}:{port}/"))).unwrap();
    assert_eq!(client.reach(&origin).await, Reach::Answers);
    assert_eq!((dns.asked(host), server.heads().len()), ([1, 1], 1));
    assert_eq!(client.reach(&origin).await, Reach::Silent, "what it says now is no emulator's address");
    assert_eq!((dns.asked(host), server.heads().len()), ([2, 2], 1));
}

#[tokio::test]
async fn an_exception_opens_its_network_to_its_host_alone() {
    let dns = Dns::start();
    let other = "other.blob.core.windows.net";
    let mut egress = egress(&dns);
    let network = "127.0.0.2/32".parse().unwrap();
    egress.exceptions = vec![PrivateEndpoint { host: HOST.into(), network }];
    let client = client(egress).with_retry(RetryPolicy { attempts_max: 1, ..RetryPolicy::default() });
    for host in [HOST, other] {
        dns.script(host, [DnsAnswer::addresses(&["127.0.0.2"])]);
    }
    assert_eq!(open(&client, HOST).await.kind, StorageErrorKind::Connection);
    assert!(why_refused(&open(&client, other).await).contains("127.0.0.2"));
    dns.script(HOST, [DnsAnswer::addresses(&["127.0.0.2", "127.0.0.3"])]);
    assert!(why_refused(&open(&client, HOST).await).contains("127.0.0.3"));
}
