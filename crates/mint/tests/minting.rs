//! What is minted, what is refused, and what counts as our own.

#![allow(clippy::unwrap_used, reason = "helpers of tests, whose panic is the failure")]

use jiff::{SignedDuration, Timestamp};
use valet_grant::{GrantPolicy, GrantUrl, ReadGrant, Right, Rights, WriteGrant};
use valet_mint::{
    Account, AccountKey, Binding, DelegationKey, GrantSpec, IpRange, MintError, Resource, SasVersion, Signer,
    VerifyError,
};

const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const OTHER_KEY: &str =
    "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==";

fn signer(account: &str, key: &str) -> Signer {
    Signer::with_account_key(Account::azure(account).unwrap(), AccountKey::from_base64(key).unwrap())
}

fn delegation() -> Signer {
    let key =
        DelegationKey::new("oid", "tid", "2026-01-15T00:00:00Z", "2026-01-16T00:00:00Z", "2022-11-02", KEY);
    Signer::with_delegation_key(Account::azure("acct1").unwrap(), key.unwrap())
}

fn now() -> Timestamp {
    "2026-01-15T10:00:00Z".parse().unwrap()
}

fn later() -> Timestamp {
    now() + SignedDuration::from_hours(2)
}

fn read(blob: &str) -> GrantSpec<'_> {
    GrantSpec::read("media-in", blob, now(), later())
}

#[test]
fn a_minted_pair_passes_the_strict_policy() {
    let signer = signer("acct1", KEY);
    let policy = GrantPolicy::default();
    let input = ReadGrant::parse(signer.mint(&read("a b/ü?#%+.mov")).unwrap(), &policy, now()).unwrap();
    assert_eq!(input.blob().blob, "a b/ü?#%+.mov");
    let output = GrantSpec::create("media-out", "out.mp4", now(), later());
    let output = WriteGrant::parse(signer.mint(&output).unwrap(), &policy, now()).unwrap();
    assert_eq!(output.rights().to_string(), "c");
    assert_eq!(output.validity().expiry, later());
    assert_eq!(output.validity().start, Some(now() - SignedDuration::from_mins(15)));
}

#[test]
fn every_version_from_2018_is_minted_and_verified() {
    let (ours, stranger) = (signer("acct1", KEY), signer("acct1", OTHER_KEY));
    for version in SasVersion::all().filter(|version| version.as_str() >= "2018-11-09") {
        for resource in [
            Resource::Blob { container: "media-in", blob: "a" },
            Resource::Snapshot { container: "media-in", blob: "a", snapshot: "2026-01-10T08:00:00.1234567Z" },
            Resource::Version { container: "media-in", blob: "a", version: "2026-01-10T08:00:00.1234567Z" },
            Resource::Container { container: "media-in" },
        ] {
            let mut spec = GrantSpec::new(resource, Rights::default().with(Right::Read), now(), later());
            spec.version = version;
            let grant = ours.mint(&spec).unwrap();
            assert_eq!(ours.verify(&grant), Ok(()), "{version:?} {resource:?}");
            assert_eq!(stranger.verify(&grant), Err(VerifyError::NotOurs), "{version:?} {resource:?}");
        }
    }
    let mut old = read("a");
    old.version = SasVersion::parse("2015-04-05").unwrap();
    assert!(matches!(ours.mint(&old), Err(MintError::TooOld { field: "sr", .. })));
}

#[test]
fn a_changed_grant_is_not_ours() {
    let ours = signer("acct1", KEY);
    let text = ours.mint(&read("a.mov")).unwrap().expose_url().to_owned();
    for (from, to) in
        [("a.mov", "b.mov"), ("sp=r", "sp=rw"), ("2026-01-15T12", "2027-01-15T12"), ("media-in", "media-xx")]
    {
        assert!(text.contains(from) || text.contains(&from.replace(':', "%3A")), "{from} in the URL");
        assert_eq!(
            ours.verify(&GrantUrl::new(text.replace(from, to))),
            Err(VerifyError::NotOurs),
            "{from} → {to}"
        );
    }
    assert_eq!(
        ours.verify(&GrantUrl::new("https://acct1.blob.core.windows.net/c/b".into())),
        Err(VerifyError::NotSas)
    );
    assert_eq!(ours.verify(&GrantUrl::new("no url".into())), Err(VerifyError::NotSas));
    assert!(matches!(
        signer("other", KEY).verify(&GrantUrl::new(text.clone())),
        Err(VerifyError::OtherAccount)
    ));
    assert_eq!(delegation().verify(&GrantUrl::new(text)), Err(VerifyError::OtherKind));
}

#[test]
fn a_user_delegation_grant_carries_the_job_id_and_is_verified() {
    let signer = delegation();
    let mut spec = read("a.mov");
    spec.binding = Binding { correlation: "0192f3a4-0000-7000-8000-000000000001", ..Binding::default() };
    let grant = signer.mint(&spec).unwrap();
    assert!(grant.expose_url().contains("&scid=0192f3a4-0000-7000-8000-000000000001"));
    assert_eq!(signer.verify(&grant), Ok(()));
}

#[test]
fn names_that_do_not_survive_the_way_are_refused() {
    let signer = signer("acct1", KEY);
    let long = "x".repeat(1025);
    let deep = vec!["s"; 255].join("/");
    for name in [
        "",
        "a\\b",
        "a//b",
        "a/../b",
        ".",
        "a/./b",
        "a/",
        "/a",
        "dot./b",
        "dot.",
        "nul\0",
        "line\nbreak",
        "\u{85}",
        &long,
        &deep,
    ] {
        let error = signer.mint(&read(name)).unwrap_err();
        assert!(matches!(error, MintError::Name { .. }), "{name:?}: {error:?}");
        assert!(!error.advice().is_empty());
    }
    for name in ["a", "日本/😀", "a b", "100%", "a+b&c=d;e,f@g:h$i", "..a", "a..b", &"x".repeat(1024)] {
        assert!(signer.mint(&read(name)).is_ok(), "{name:?}");
    }
    let spec = GrantSpec::read("Bad_Container", "a", now(), later());
    assert!(matches!(signer.mint(&spec), Err(MintError::Container { .. })));
}

#[test]
fn grants_that_could_not_work_are_refused() {
    let (service, delegated) = (signer("acct1", KEY), delegation());
    let with = |change: fn(&mut GrantSpec<'static>)| {
        let mut spec = GrantSpec::read("media-in", "a", now(), later());
        change(&mut spec);
        spec
    };
    let refused = |signer: &Signer, change| signer.mint(&with(change)).unwrap_err();
    assert_eq!(refused(&service, |s| s.expiry = None), MintError::NoExpiry);
    assert_eq!(refused(&service, |s| s.rights = Rights::default()), MintError::NoRights);
    assert!(matches!(refused(&service, |s| s.expiry = s.start), MintError::EmptyValidity { .. }));
    assert!(matches!(
        refused(&service, |s| s.rights = Rights::parse("rl").unwrap()),
        MintError::ContainerRight { .. }
    ));
    assert_eq!(refused(&service, |s| s.response.content_type = "a\nb"), MintError::Control { field: "rsct" });
    assert!(matches!(
        refused(&service, |s| s.binding.correlation = "x"),
        MintError::WrongKey { field: "scid", .. }
    ));
    assert!(matches!(refused(&delegated, |s| s.policy_id = "p"), MintError::WrongKey { field: "si", .. }));
    assert!(matches!(
        refused(&delegated, |s| s.expiry = Some("2026-02-01T00:00:00Z".parse().unwrap())),
        MintError::OutlivesKey { .. }
    ));
    assert!(matches!(
        refused(&delegated, |s| s.binding.request_headers = &[("content-length", "1")]),
        MintError::TooOld { field: "srh", .. }
    ));
}

#[test]
fn optional_fields_reach_the_url() {
    let mut spec = read("a");
    spec.ip =
        Some(IpRange { first: "203.0.113.7".parse().unwrap(), last: Some("203.0.113.9".parse().unwrap()) });
    spec.encryption_scope = "scope1";
    spec.response.content_type = "video/mp4";
    let grant = signer("acct1", KEY).mint(&spec.over_http_too()).unwrap();
    for part in ["&sip=203.0.113.7-203.0.113.9", "&ses=scope1", "&rsct=video%2Fmp4", "&spr=https%2Chttp"] {
        assert!(grant.expose_url().contains(part), "{part}");
    }
}
