//! Transient failures while reading are tried again, from the byte reached, and no longer than is sensible.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{sync::Arc, time::Duration};

use common::{LeapClock, client, client_that_waits, content_of, noise, read_url, reader, scratch};
use valet_blob::{FetchOptions, Fetched, Input, StorageError, StorageErrorKind, http::Client};
use valet_testkit::{Fault, FaultProxy, Storage};

/// A blob of 3 MiB and 5 bytes behind a proxy, and the URL of a grant for it through the proxy.
fn behind_proxy() -> (Vec<u8>, FaultProxy, String) {
    let storage = Storage::shared();
    let container = storage.container();
    let content = noise((3 << 20) + 5);
    storage.put(&container, "a.mov", &content);
    let proxy = FaultProxy::start(storage.address());
    let url = proxy.url(&read_url(&container, "a.mov"));
    (content, proxy, url)
}

async fn fetch(
    client: &Client,
    url: &str,
    options: FetchOptions,
) -> Result<(Fetched, Vec<u8>), StorageError> {
    let file = scratch();
    let input = Input::open(client, &reader(url.to_owned()), None).await?;
    let fetched = input.fetch(file.clone(), options).await?;
    Ok((fetched, content_of(&file)))
}

fn one_range() -> FetchOptions {
    FetchOptions { ranges_in_flight: 1, ..FetchOptions::default() }
}

fn seconds(clock: &LeapClock) -> f64 {
    clock.slept().iter().sum::<Duration>().as_secs_f64()
}

#[tokio::test]
async fn a_cut_read_goes_on_from_the_byte_reached() {
    let (content, proxy, url) = behind_proxy();
    proxy.next_method("GET", Fault::CutAfter(1_234_567));
    proxy.next_method("GET", Fault::CutAfter(100));
    let (client, clock) = client();
    let (_, read) = fetch(&client, &url, one_range()).await.unwrap();
    assert!(read == content);
    assert_eq!(clock.slept().len(), 2);
    let exchanges = proxy.exchanges();
    let asked: Vec<_> = exchanges.iter().filter_map(|exchange| exchange.header("range")).collect();
    assert_eq!(asked, ["bytes=0-3145732", "bytes=1234567-3145732", "bytes=1234667-3145732"]);
    assert!(
        exchanges.iter().skip(1).all(|exchange| exchange.header("if-match").is_some()),
        "every read is pinned"
    );
    assert_eq!(proxy.bytes_down(), content.len() as u64, "no byte came twice");
}

#[tokio::test]
async fn many_ranges_with_many_cuts_come_whole() {
    let (content, proxy, url) = behind_proxy();
    for cut in [0, 1, 70_000, 5, 131_071, 0] {
        proxy.next_method("GET", Fault::CutAfter(cut));
    }
    let options = FetchOptions { range_bytes: 131_072, ..FetchOptions::default() };
    let (_, read) = fetch(&client().0, &url, options).await.unwrap();
    assert!(read == content);
}

#[tokio::test]
async fn a_busy_storage_is_asked_again() {
    let (content, proxy, url) = behind_proxy();
    proxy.times(2, Fault::busy());
    proxy.next_method("GET", Fault::answer(500, "OperationTimedOut"));
    proxy.next_method("GET", Fault::DropResponse);
    let (client, clock) = client();
    let (_, read) = fetch(&client, &url, one_range()).await.unwrap();
    assert!(read == content);
    assert_eq!(clock.slept().len(), 4, "{:?}", clock.slept());
}

#[tokio::test]
async fn storage_says_how_long_to_wait() {
    let (_, proxy, url) = behind_proxy();
    proxy.next(Fault::Answer { status: 429, code: "TooManyRequests", retry_after_seconds: Some(17) });
    let (client, clock) = client();
    fetch(&client, &url, one_range()).await.unwrap();
    assert_eq!(clock.slept(), [Duration::from_secs(17)]);
}

#[tokio::test]
async fn tries_come_to_an_end() {
    let (_, proxy, url) = behind_proxy();
    proxy.always(Fault::answer(503, "ServerBusy"));
    let (client, clock) = client();
    let error = fetch(&client, &url, one_range()).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Throttled, "{error}");
    assert!(error.is_transient());
    assert_eq!(proxy.count("HEAD"), 8);
    assert!((10.0..40.0).contains(&seconds(&clock)), "{:?}", clock.slept());
}

#[tokio::test]
async fn a_refusal_is_not_tried_again() {
    let (_, proxy, url) = behind_proxy();
    proxy.next(Fault::answer(403, "AuthenticationFailed"));
    let (client, clock) = client();
    let error = fetch(&client, &url, one_range()).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::GrantInvalid);
    assert_eq!(clock.slept(), []);
}

#[tokio::test]
async fn no_try_outlives_the_grant() {
    let (_, proxy, url) = behind_proxy();
    proxy.always(Fault::busy());
    let (client, clock) = client();
    let grant = reader(url);
    clock.leap(Duration::from_secs(3_600 - 5));
    let error = Input::open(&client, &grant, None).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Throttled, "the cause, not the clock: {error}");
    assert!(seconds(&clock) < 5.0, "{:?}", clock.slept());
    clock.leap(Duration::from_secs(5));
    let before = proxy.count("HEAD");
    let error = Input::open(&client, &grant, None).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::GrantExpired, "{error}");
    assert_eq!(proxy.count("HEAD"), before, "an expired grant is not sent");
}

#[tokio::test]
async fn no_try_outlives_the_deadline() {
    let (_, proxy, url) = behind_proxy();
    let (client, clock) = client();
    let input = Input::open(&client, &reader(url), None).await.unwrap();
    proxy.always(Fault::busy());
    let deadline = Some(jiff::Timestamp::now() + Duration::from_secs(3));
    let options = FetchOptions { deadline, ..FetchOptions::default() };
    let error = input.fetch(scratch(), options).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Throttled, "{error}");
    assert!(seconds(&clock) < 3.0, "{:?}", clock.slept());
}

#[tokio::test]
async fn a_silent_storage_is_not_waited_for_forever() {
    let (content, proxy, url) = behind_proxy();
    proxy.next(Fault::Latency(Duration::from_secs(5)));
    let (client, clock) = client_that_waits(Duration::from_secs(1));
    let (_, read) = fetch(&client, &url, one_range()).await.unwrap();
    assert!(read == content);
    assert_eq!(clock.slept().len(), 1);
}

#[tokio::test]
async fn a_scratch_that_cannot_be_written_is_told_apart() {
    let (_, _proxy, url) = behind_proxy();
    let input = Input::open(&client().0, &reader(url), None).await.unwrap();
    let read_only = std::fs::File::open("/dev/null").unwrap();
    let error = input.fetch(Arc::new(read_only), one_range()).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Scratch, "{error}");
    assert!(std::error::Error::source(&error).is_some());
}
