//! Reading an input: the same bytes, pinned to one content, within limits.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{client, content_of, noise, open_at, read_url, reader, scratch};
use valet_blob::{FetchOptions, Fetched, Input, Md5Check, StorageError, StorageErrorKind};
use valet_testkit::{Fault, FaultProxy, Sas, Storage};

/// Small ranges, so that a small blob has many.
fn ranges(range_bytes: u64) -> FetchOptions {
    FetchOptions { range_bytes, ..FetchOptions::default() }
}

async fn fetch_at(url: String, options: FetchOptions) -> Result<(Fetched, Vec<u8>), StorageError> {
    let file = scratch();
    let fetched = open_at(&client().0, url).await?.fetch(file.clone(), options).await?;
    Ok((fetched, content_of(&file)))
}

#[tokio::test]
async fn bytes_come_whole_whatever_the_ranges() {
    let storage = Storage::shared();
    let container = storage.container();
    let content = noise(1_000_003);
    storage.put(&container, "a.mov", &content);
    for range_bytes in [1_000_004, 1_000_003, 1_000_002, 65_536, 9_999] {
        let (fetched, read) = fetch_at(read_url(&container, "a.mov"), ranges(range_bytes)).await.unwrap();
        assert!(read == content, "ranges of {range_bytes} bytes");
        assert_eq!((fetched.bytes, fetched.md5_check), (1_000_003, Md5Check::Matched));
        assert_eq!(fetched.sha256.len(), 64);
    }
}

#[tokio::test]
async fn odd_names_are_read() {
    let storage = Storage::shared();
    let container = storage.container();
    for name in
        ["a b+c%20d.mov", "?#&=.mov", "deep/er/ä–日本🎬.mov", "q'\"[]{}|^`;,@:$!*().mov", "%2e%2f%.mov"]
    {
        storage.put(&container, name, name);
        let (_, read) = fetch_at(read_url(&container, name), FetchOptions::default()).await.unwrap();
        assert_eq!(String::from_utf8(read).unwrap(), name);
    }
}

#[tokio::test]
async fn an_empty_blob_is_read_without_a_range() {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "empty", "");
    let proxy = FaultProxy::start(storage.address());
    let (fetched, read) =
        fetch_at(proxy.url(&read_url(&container, "empty")), FetchOptions::default()).await.unwrap();
    assert_eq!((fetched.bytes, read.len()), (0, 0));
    assert_eq!(fetched.md5, "1B2M2Y8AsgTpgAmY7PhCfg==");
    assert_eq!(proxy.count("GET"), 0, "Range on an empty blob is 416");
}

#[tokio::test]
async fn the_blob_is_described() {
    let storage = Storage::shared();
    let container = storage.container();
    let etag = storage.put_with(&container, "a.mov", "abc", &[("x-ms-blob-content-type", "video/quicktime")]);
    let input = open_at(&client().0, read_url(&container, "a.mov")).await.unwrap();
    assert_eq!(input.bytes(), 3);
    assert_eq!(input.etag(), etag);
    assert_eq!(input.content_type(), Some("video/quicktime"));
    assert_eq!(input.content_md5(), Some("kAFQmDzST7DWlj99KOF/cg=="));
}

#[tokio::test]
async fn another_content_than_the_job_was_made_for_is_refused() {
    let storage = Storage::shared();
    let container = storage.container();
    let first = storage.put(&container, "a.mov", "first");
    let second = storage.put(&container, "a.mov", "second");
    let grant = reader(read_url(&container, "a.mov"));
    let (client, _) = client();
    let error = Input::open(&client, &grant, Some(&first)).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::InputChanged, "{error}");
    assert_eq!(Input::open(&client, &grant, Some(&second)).await.unwrap().bytes(), 6);
}

#[tokio::test]
async fn content_that_changes_after_the_open_is_refused() {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "a.mov", "first");
    let input = open_at(&client().0, read_url(&container, "a.mov")).await.unwrap();
    storage.put(&container, "a.mov", "other");
    let error = input.fetch(scratch(), FetchOptions::default()).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::InputChanged, "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_snapshot_stays_what_it_was() {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "a.mov", "first");
    let snapshot = Some(storage.snapshot(&container, "a.mov"));
    storage.put(&container, "a.mov", "second");
    let sas = Sas { resource: "bs".into(), snapshot, ..Sas::read(&container, "a.mov") };
    let (_, read) = fetch_at(storage.sas_url(&sas), FetchOptions::default()).await.unwrap();
    assert_eq!(read, b"first");
}

#[tokio::test]
async fn a_blob_above_the_limit_is_refused_before_its_first_byte() {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "a.mov", noise(1_000));
    let proxy = FaultProxy::start(storage.address());
    let url = proxy.url(&read_url(&container, "a.mov"));
    let limit = |bytes_max| FetchOptions { bytes_max, ..FetchOptions::default() };
    let error = fetch_at(url.clone(), limit(999)).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::TooLarge { bytes: 1_000, bytes_max: 999 });
    assert_eq!(proxy.count("GET"), 0);
    fetch_at(url, limit(1_000)).await.unwrap();
}

#[tokio::test]
async fn bytes_that_do_not_match_their_md5_are_refused() {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "a.mov", noise(10_000));
    let proxy = FaultProxy::start(storage.address());
    proxy.next_method("GET", Fault::FlipByte(123));
    let error = fetch_at(proxy.url(&read_url(&container, "a.mov")), ranges(4_096)).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Md5Mismatch, "{error}");
}
