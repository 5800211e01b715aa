//! What the guard refuses and permits, with answers of a made-up DNS.

use std::collections::HashMap;

use super::*;
use crate::http::PrivateEndpoint;

#[path = "../../tests/hostile/table.rs"]
mod table;

use table::{ADDRESSES, By, URLS};

#[derive(Debug)]
struct Names(HashMap<&'static str, Vec<&'static str>>);

impl Lookup for Names {
    fn addresses(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let found = self.0.get(host.as_str()).cloned().unwrap_or_default();
        Box::pin(async move { Ok(found.iter().map(|a| a.parse().unwrap()).collect()) })
    }
}

fn guard(loopback: bool, names: &[(&'static str, &[&'static str])]) -> Guard {
    let patterns = vec!["*.blob.core.windows.net".to_owned()];
    let mut egress = Egress::new(HostRules { patterns, loopback, ..HostRules::default() });
    egress.exceptions.push(PrivateEndpoint {
        host: "inside.blob.core.windows.net".into(),
        network: "10.20.0.0/16".parse().unwrap(),
    });
    let names = names.iter().map(|(name, addresses)| (*name, addresses.to_vec())).collect();
    Guard::new(egress, Arc::new(Names(names)))
}

fn url_verdict(guard: &Guard, url: &str) -> Result<(), Refusal> {
    guard.check_url(&Url::parse(url).unwrap())
}

/// What the guard makes of a URL, and by what it refuses it.
fn judged(guard: &Guard, url: &str) -> Option<By> {
    let Ok(url) = Url::parse(url) else { return Some(By::Parser) };
    let Refusal(why) = guard.check_url(&url).err()?;
    let words = [
        ("names no host", By::Parser),
        ("carries a user name", By::UserName),
        ("is an address", By::Literal),
        ("is not https", By::Scheme),
        ("is neither http", By::Scheme),
        ("is not 443", By::Port),
        ("permitted storage hosts", By::Host),
    ];
    let by = words.into_iter().find(|(words, _)| why.contains(words)).map(|(_, by)| by);
    Some(by.unwrap_or_else(|| panic!("{why} is none of the reasons")))
}

fn production() -> Guard {
    Guard::new(Egress::new(HostRules::default()), Arc::new(Names(HashMap::new())))
}

#[test]
fn each_hostile_url_is_refused_by_what_must_refuse_it() {
    let guard = production();
    assert!(URLS.len() >= 200, "{}", URLS.len());
    let wrong: Vec<_> = URLS
        .iter()
        .map(|(by, url)| (*by, judged(&guard, &format!("{url}/in/a.mov?sig=x")), *url))
        .filter(|(by, judged, _)| Some(*by) != *judged)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn loopback_opens_of_the_hostile_urls_those_of_this_machine_alone() {
    let mut egress = Egress::new(HostRules::default());
    egress.loopback = true;
    let guard = Guard::new(egress, Arc::new(Names(HashMap::new())));
    let is_here = |url: &Url| match url.host() {
        Some(Host::Ipv4(address)) => address.octets()[0] == 127,
        Some(Host::Ipv6(address)) => address == std::net::Ipv6Addr::LOCALHOST,
        Some(Host::Domain(name)) => format!(".{}", name.trim_end_matches('.')).ends_with(".localhost"),
        None => false,
    };
    let (mut opened, mut shut) = (0, 0);
    for (_, text) in URLS {
        let Ok(url) = Url::parse(&format!("{text}/in/a.mov")) else { continue };
        let named = url.username().is_empty() && url.password().is_none();
        let open = is_here(&url) && named && matches!(url.scheme(), "http" | "https");
        assert_eq!(guard.check_url(&url).is_ok(), open, "{text}");
        *(if open { &mut opened } else { &mut shut }) += 1;
    }
    assert!(opened > 30 && shut > 150, "{opened} and {shut}");
}

#[test]
fn public_storage_is_let_through() {
    let guard = guard(false, &[]);
    for url in [
        "https://acct.blob.core.windows.net/c/b?sig=x",
        "https://ACCT.blob.core.windows.net./c/b",
        "https://acct.z01.blob.core.windows.net:443/",
    ] {
        assert_eq!(url_verdict(&guard, url), Ok(()), "{url}");
    }
}

#[test]
fn loopback_opens_the_machine_itself_and_nothing_else() {
    let guard = guard(true, &[]);
    for url in [
        "http://127.0.0.1:10000/",
        "http://127.8.8.8/",
        "http://[::1]:1/",
        "http://localhost:1/",
        "http://acct.blob.localhost:1/",
    ] {
        assert_eq!(url_verdict(&guard, url), Ok(()), "{url}");
    }
    for url in [
        "http://10.0.0.1/",
        "http://0.0.0.0/",
        "http://acct.blob.core.windows.net/",
        "http://localhost.evil.example/",
        "http://evillocalhost/",
    ] {
        assert!(url_verdict(&guard, url).is_err(), "{url} is let through");
    }
}

#[tokio::test]
async fn a_name_is_refused_if_any_of_its_addresses_is_bad() {
    let guard = guard(
        true,
        &[
            ("good.blob.core.windows.net", &["20.60.1.1", "2603:1030::1"]),
            ("rebind.blob.core.windows.net", &["127.0.0.1"]),
            ("mixed.blob.core.windows.net", &["20.60.1.1", "169.254.169.254"]),
            ("inside.blob.core.windows.net", &["10.20.1.1"]),
            ("other.blob.core.windows.net", &["10.20.1.1"]),
            ("localhost", &["127.0.0.1", "::1"]),
            ("acct.blob.localhost", &["127.0.0.1"]),
            ("stray.blob.localhost", &["127.0.0.1", "10.20.1.1"]),
        ],
    );
    let judged = |host: &'static str| {
        let guard = guard.clone();
        async move { guard.resolve(host.parse().unwrap()).await.map(|found| found.count()) }
    };
    assert_eq!(judged("good.blob.core.windows.net").await.unwrap(), 2);
    assert_eq!(judged("localhost").await.unwrap(), 2);
    assert_eq!(judged("inside.blob.core.windows.net").await.unwrap(), 1, "private endpoint");
    assert_eq!(judged("acct.blob.localhost").await.unwrap(), 1);
    for host in [
        "rebind.blob.core.windows.net",
        "mixed.blob.core.windows.net",
        "other.blob.core.windows.net",
        "stray.blob.localhost",
    ] {
        let refusal = judged(host).await.unwrap_err();
        assert!(refusal.downcast_ref::<Refusal>().is_some(), "{host}: {refusal}");
    }
    let nowhere = judged("nowhere.blob.core.windows.net").await.unwrap_err();
    assert!(nowhere.downcast_ref::<Refusal>().is_none(), "no address is no refusal: {nowhere}");
}

#[test]
fn each_hostile_address_is_refused_for_its_own_reason() {
    let guard = production();
    for (address, reason) in ADDRESSES {
        let refusal =
            guard.check_address("acct.blob.core.windows.net", address.parse().unwrap()).unwrap_err();
        assert!(refusal.0.contains(reason), "{address}: {refusal}");
    }
}

fn with_emulator(names: &[(&'static str, &[&'static str])]) -> Guard {
    let hosts = HostRules { development: vec!["azurite".parse().unwrap()], ..HostRules::default() };
    let names = names.iter().map(|(name, addresses)| (*name, addresses.to_vec())).collect();
    Guard::new(Egress::new(hosts), Arc::new(Names(names)))
}

#[test]
fn a_listed_emulator_may_be_plain_at_any_port_and_no_other_host() {
    let guard = with_emulator(&[]);
    for url in ["http://azurite:10000/devstoreaccount1/", "https://azurite/", "http://AZURITE./"] {
        assert_eq!(url_verdict(&guard, url), Ok(()), "{url}");
    }
    for url in [
        "ftp://azurite/",
        "http://u:p@azurite/",
        "http://azurite2:10000/",
        "http://azurite.evil.example/",
        "http://127.0.0.1:10000/",
        "http://acct.blob.core.windows.net/",
        "https://acct.blob.core.windows.net:10000/",
    ] {
        assert!(url_verdict(&guard, url).is_err(), "{url} is let through");
    }
}

#[tokio::test]
async fn a_listed_emulator_may_be_on_a_private_address_but_never_on_a_clouds_own() {
    for (address, permitted) in [
        ("172.18.0.3", true),
        ("10.0.0.1", true),
        ("fd00::3", true),
        ("127.0.0.1", true),
        ("169.254.169.254", false),
        ("168.63.129.16", false),
        ("100.100.100.200", false),
        ("fe80::1", false),
        ("::ffff:169.254.169.254", false),
        ("0.0.0.0", false),
    ] {
        let addresses = [address];
        let guard = with_emulator(&[("azurite", &addresses), ("other.blob.core.windows.net", &addresses)]);
        assert_eq!(guard.resolve("azurite".parse().unwrap()).await.is_ok(), permitted, "{address}");
        assert!(guard.resolve("other.blob.core.windows.net".parse().unwrap()).await.is_err(), "{address}");
    }
}
