//! What a server must not get out of the client: another host, another range, a leak.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{
    client, content_of, made_up_url, open_at, reader, scratch,
    server::{Server, answer},
};
use jiff::Timestamp;
use valet_blob::{
    FetchOptions, Input, StorageError, StorageErrorKind,
    http::{Client, Egress},
};
use valet_grant::{GrantPolicy, GrantUrl, HostRules, ReadGrant};

const HEAD: &str = "content-length: 10";
const ETAG: &str = "etag: \"0x1\"";

/// A server whose blob has 10 bytes, and whose GETs are answered as given.
async fn fetch_from(get: String) -> (Result<Vec<u8>, StorageError>, Server) {
    let server = Server::start(move |head| match head.starts_with("HEAD") {
        true => answer("200 OK", &[HEAD, ETAG], ""),
        false => get.clone(),
    })
    .await;
    let input = open_at(&client().0, made_up_url(&server.origin, "r")).await.unwrap();
    let file = scratch();
    let fetched = input.fetch(file.clone(), FetchOptions::default()).await;
    (fetched.map(|_| content_of(&file)), server)
}

fn is_unexpected(error: &StorageError) -> bool {
    matches!(error.kind, StorageErrorKind::Unexpected { .. })
}

#[tokio::test]
async fn the_scripted_server_can_be_read_at_all() {
    let right = answer("206 OK", &[HEAD, "content-range: bytes 0-9/10"], "0123456789");
    let (read, server) = fetch_from(right).await;
    assert_eq!(read.unwrap(), b"0123456789");
    let get = &server.heads()[1];
    assert!(get.contains("range: bytes=0-9\r\n") && get.contains("if-match: \"0x1\"\r\n"), "{get}");
    assert!(get.contains("x-ms-version: 2022-11-02\r\n"), "{get}");
    assert!(!get.to_ascii_lowercase().contains("referer"), "{get}");
}

#[tokio::test]
async fn bytes_are_taken_only_for_what_they_are() {
    for (name, get) in [
        ("no range", answer("200 OK", &[HEAD], "0123456789")),
        ("no content-range", answer("206 OK", &[HEAD], "0123456789")),
        ("other start", answer("206 OK", &[HEAD, "content-range: bytes 1-9/10"], "0123456789")),
        ("other end", answer("206 OK", &["content-length: 9", "content-range: bytes 0-8/10"], "012345678")),
        ("other length", answer("206 OK", &[HEAD, "content-range: bytes 0-9/11"], "0123456789")),
        ("past the end", answer("206 OK", &["content-length: 0", "content-range: bytes 10-9/10"], "")),
        ("too many", answer("206 OK", &["content-range: bytes 0-9/10"], "0123456789X")),
    ] {
        let error = fetch_from(get).await.0.expect_err(name);
        assert!(is_unexpected(&error), "{name}: {error}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Server::start(|_| answer("200 OK", &[HEAD, ETAG], "")).await;
    let location = format!("location: {}/devstoreaccount1/media/a.mov", elsewhere.origin);
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let location = location.clone();
        let server = Server::start(move |_| answer(status, &[&location, "content-length: 0"], "")).await;
        let error = open_at(&client().0, made_up_url(&server.origin, "r")).await.unwrap_err();
        assert!(is_unexpected(&error), "{status}: {error}");
    }
    assert_eq!(elsewhere.heads(), Vec::<String>::new());
}

#[tokio::test]
async fn an_endless_error_document_is_not_read_to_its_end() {
    let endless = "<Error>".to_owned() + &"x".repeat(8 << 20);
    let server = Server::start(move |_| answer("404 no", &["x-ms-error-code: BlobNotFound"], &endless)).await;
    let input = open_at(&client().0, made_up_url(&server.origin, "r")).await;
    assert_eq!(input.unwrap_err().kind, StorageErrorKind::BlobMissing);
}

#[tokio::test]
async fn a_client_without_loopback_does_not_reach_this_machine() {
    let server = Server::start(|_| answer("200 OK", &[HEAD, ETAG], "")).await;
    let grant = reader(made_up_url(&server.origin, "r"));
    let strict = Client::new(Egress::new(HostRules::default())).unwrap();
    let error = Input::open(&strict, &grant, None).await.unwrap_err();
    assert!(matches!(error.kind, StorageErrorKind::EgressRefused(_)), "{error}");
    assert!(!error.is_transient());
    assert_eq!(server.heads(), Vec::<String>::new());
}

/// A permitted host whose name leads to this machine: the resolver's answer is judged, not the name alone.
#[tokio::test]
async fn a_permitted_name_that_leads_to_a_private_address_is_refused() {
    let hosts = HostRules { patterns: vec!["localhost".into()], ..HostRules::default() };
    let url = made_up_url("https://localhost", "r").replace("spr=https%2Chttp", "spr=https");
    let policy = GrantPolicy { hosts: hosts.clone(), ..GrantPolicy::default() };
    let grant = ReadGrant::parse(GrantUrl::new(url), &policy, Timestamp::now()).unwrap();
    let client = Client::new(Egress::new(hosts)).unwrap();
    let error = Input::open(&client, &grant, None).await.unwrap_err();
    let StorageErrorKind::EgressRefused(why) = &error.kind else { panic!("{error}") };
    assert!(why.contains("loopback"), "{why}");
}
