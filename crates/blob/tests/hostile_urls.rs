//! The table of hostile URLs and addresses against the whole way of a grant: its parser, the client, a real DNS server
//! of the test's own, redirects, and the proxies of the environment.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
#[path = "hostile/table.rs"]
mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{
    LeapClock, client, made_up_url, open_at,
    server::{Server, answer},
};
use jiff::Timestamp;
use table::{ADDRESSES, By, URLS};
use valet_blob::{
    Input, StorageError, StorageErrorKind,
    http::{Client, Egress, Origin, Reach},
};
use valet_grant::{GrantPolicy, GrantUrl, HostRules, ReadGrant};
use valet_testkit::{Canary, Dns, DnsAnswer, Program};

const PUBLIC: [&str; 2] = ["20.60.1.1", "2603:1030::1"];

/// A whole grant for what a row of the table begins.
fn url(origin: &str) -> String {
    made_up_url(origin, "r").replace("spr=https%2Chttp", "spr=https")
}

fn parse(url: String, policy: &GrantPolicy) -> Option<ReadGrant> {
    ReadGrant::parse(GrantUrl::new(url), policy, Timestamp::now()).ok()
}

fn strict(dns: &Dns) -> Client {
    let mut egress = Egress::new(HostRules::default());
    egress.nameservers = vec![dns.address()];
    Client::new(egress).unwrap().with_clock(Arc::new(LeapClock::default()))
}

async fn open(client: &Client, host: &str) -> StorageError {
    let grant = parse(url(&format!("https://{host}")), &GrantPolicy::default()).unwrap();
    Input::open(client, &grant, None).await.unwrap_err()
}

#[test]
fn the_table_is_judged_by_a_parser_that_takes_grants() {
    assert!(parse(url("https://acct.blob.core.windows.net"), &GrantPolicy::default()).is_some());
}

#[tokio::test]
async fn no_grant_of_the_table_passes_both_the_parser_and_the_guard() {
    let dns = Dns::start();
    let client = strict(&dns);
    let mut left_to_the_guard = 0;
    for (by, origin) in URLS {
        // A port alone is odd, and no more, to the parser: hosts of one's own may have one.
        let Some(grant) = parse(url(origin), &GrantPolicy::default()) else { continue };
        assert_eq!(*by, By::Port, "{origin} is taken for a grant");
        let error = Input::open(&client, &grant, None).await.unwrap_err();
        assert!(
            matches!(&error.kind, StorageErrorKind::EgressRefused(why) if why.contains("443")),
            "{error}"
        );
        left_to_the_guard += 1;
    }
    assert!(left_to_the_guard > 0);
}

/// A policy that names the very host of each row: what remains of the table must fail at the guard, which has no more
/// than the production's list.
#[tokio::test]
async fn what_a_wide_policy_lets_through_is_refused_by_the_guard() {
    let dns = Dns::start();
    let client = strict(&dns);
    let mut refused = 0;
    for (by, origin) in URLS {
        let host = |origin: &&str| Some(url::Url::parse(origin).ok()?.host_str()?.to_owned());
        let Some(host) = host(origin) else { continue };
        let hosts = HostRules { patterns: vec![host], ..HostRules::default() };
        let Some(grant) = parse(url(origin), &GrantPolicy { hosts, ..GrantPolicy::default() }) else {
            continue;
        };
        let error = Input::open(&client, &grant, None).await.unwrap_err();
        assert!(matches!(error.kind, StorageErrorKind::EgressRefused(_)), "{by:?} {origin}: {error}");
        refused += 1;
    }
    assert!(refused > 100, "{refused}");
}

#[tokio::test]
async fn no_redirect_of_the_table_is_followed() {
    let targets = || URLS.iter().map(|(_, url)| url).filter(|url| !url.contains(char::is_control));
    let answered = AtomicUsize::new(0);
    let server = Server::start(move |_| {
        let target = targets().nth(answered.fetch_add(1, Ordering::Relaxed)).unwrap();
        answer("302 Found", &[&format!("location: {target}/media/a.mov"), "content-length: 0"], "")
    })
    .await;
    let client = client().0;
    for target in targets() {
        let error = open_at(&client, made_up_url(&server.origin, "r")).await.unwrap_err();
        let unfollowed = matches!(error.kind, StorageErrorKind::Unexpected { status: 302, .. });
        assert!(unfollowed, "{target}: {error}");
    }
    assert_eq!(server.heads().len(), targets().count());
}

/// Alone, among public ones, first or last, and behind another name: one bad address refuses the name.
#[tokio::test]
async fn a_name_of_storage_that_leads_to_an_address_of_the_table_is_refused() {
    let dns = Dns::start();
    let client = strict(&dns);
    for (at, (address, reason)) in ADDRESSES.iter().enumerate() {
        let alias = format!("inner{at}.example");
        dns.script(&alias, [DnsAnswer::addresses(&[address])]);
        for (shape, says) in [
            ("alone", DnsAnswer::addresses(&[address])),
            ("last", DnsAnswer::addresses(&[PUBLIC[0], PUBLIC[1], address])),
            ("first", DnsAnswer::addresses(&[address, PUBLIC[0], PUBLIC[1]])),
            ("behind-a-name", DnsAnswer::Alias(alias.clone())),
            ("behind-a-name-alone", DnsAnswer::AliasAlone(alias.clone())),
        ] {
            let host = format!("{shape}{at}.blob.core.windows.net");
            dns.script(&host, [says]);
            let error = open(&client, &host).await;
            let StorageErrorKind::EgressRefused(why) = &error.kind else {
                panic!("{shape} {address}: {error}")
            };
            let named = why.contains(&format!("leads to {address} ")) || address.starts_with("::");
            assert!(named && why.contains(reason), "{shape} {address}: {why}");
        }
    }
}

const CHILD: &str = "VALET_TEST_PROXY_CHILD";
const TEST: &str = "no_proxy_of_the_environment_is_used";
const VARIABLES: [&str; 6] =
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];

/// The environment of a test cannot be changed under its threads: the test starts itself anew with proxies set.
#[test]
fn no_proxy_of_the_environment_is_used() {
    if let Ok(proxy) = std::env::var(CHILD) {
        return with_proxies_set(&proxy);
    }
    let (ours, others) = (Canary::start("a proxy"), Canary::start("a proxy"));
    for (canary, client) in [(&ours, "ours"), (&others, "others")] {
        let program = Program::new(std::env::current_exe().unwrap()).args(["--exact", TEST, "--nocapture"]);
        let variables = VARIABLES.iter().map(|name| (*name, canary.url()));
        let ended = program.envs(variables).env(CHILD, client).run(Duration::from_secs(60));
        assert!(ended.success(), "{ended:?}");
    }
    ours.expect_untouched();
    assert!(!others.visits().is_empty(), "a client that does look at the environment goes to the proxy");
}

#[tokio::main(flavor = "current_thread")]
async fn with_proxies_set(client: &str) {
    if client == "others" {
        return elsewhere().await;
    }
    // Hosts of all kinds: this machine, an emulator by name, storage by https.
    let server = Server::start(|_| answer("403 No", &["content-length: 0"], "")).await;
    let (dns, port) = (Dns::start(), server.origin.rsplit(':').next().unwrap());
    for host in ["emulator.example", "acct.blob.core.windows.net"] {
        dns.script(host, [DnsAnswer::addresses(&["127.0.0.1"])]);
    }
    let hosts = HostRules {
        loopback: true,
        development: vec!["emulator.example".parse().unwrap()],
        ..HostRules::default()
    };
    let mut egress = Egress::new(hosts);
    egress.nameservers = vec![dns.address()];
    let client = Client::new(egress).unwrap();
    for (origin, reached) in [
        (server.origin.clone(), Reach::Answers),
        (format!("http://acct.blob.localhost:{port}"), Reach::Answers),
        (format!("http://emulator.example:{port}"), Reach::Answers),
        ("https://acct.blob.core.windows.net".to_owned(), Reach::Silent),
    ] {
        let origin = Origin::of(&GrantUrl::new(format!("{origin}/"))).unwrap();
        assert_eq!(client.reach(&origin).await, reached, "{origin}");
    }
    assert_eq!(server.heads().len(), 3);
}

/// What another client would do: the proof that the environment is one in which proxies are used.
#[expect(clippy::disallowed_methods, reason = "the guarded client is compared with another one")]
async fn elsewhere() {
    valet_blob::http::install_crypto();
    let _ = reqwest::Client::new().get("http://acct.blob.core.windows.net/").send().await;
}
