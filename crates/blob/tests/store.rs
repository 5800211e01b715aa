//! Storing an output: once, whole, with its facts; never over anything; honest about lost answers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{os::unix::fs::FileExt, time::Duration};

use common::{
    client, client_that_waits, create_url, made_up_url, noise, scratch, scratch_with, server, spec, store_at,
    writer,
};
use jiff::Timestamp;
use valet_blob::{
    EarlierAttempt, PUT_BYTES_MAX, StorageErrorKind, StoreOutcome, StoreSpec, hash_file, store,
};
use valet_grant::{GrantPolicy, GrantUrl, Severity, WriteGrant};
use valet_testkit::{Fault, FaultProxy, Sas, Storage};

#[tokio::test]
async fn an_output_is_stored_with_its_facts() {
    let storage = Storage::shared();
    let container = storage.container();
    let content = noise(700_001);
    let name = "out/ä b+%20?#🎬.mp4";
    let stored = store_at(&client().0, create_url(&container, name), &content).await.unwrap();
    assert_eq!(stored.outcome, StoreOutcome::Created);
    let head = storage.head(&container, name).unwrap();
    assert_eq!(stored.etag.as_deref(), Some(head.etag.as_str()));
    assert_eq!(head.content_type, "video/mp4");
    assert!(head.content_md5.is_some());
    assert_eq!(head.metadata["job"], "0192f0c1-2222-7abc-8def-000000000001");
    assert_eq!(head.metadata["attempt"], "1");
    assert_eq!(head.metadata["preset"], "copy/1");
    assert_eq!(head.metadata["sha256"].len(), 64);
    assert!(storage.get(&container, name) == content);
}

#[tokio::test]
async fn an_empty_output_is_stored() {
    let storage = Storage::shared();
    let container = storage.container();
    store_at(&client().0, create_url(&container, "empty"), b"").await.unwrap();
    assert_eq!(storage.head(&container, "empty").unwrap().length, 0);
}

#[tokio::test]
async fn an_existing_blob_is_a_collision_and_stays() {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "a.mp4", "somebody else's");
    for rights in ["c", "cw"] {
        let url = storage.sas_url(&Sas::blob(&container, "a.mp4", rights));
        let policy = GrantPolicy { refuse_from: Severity::Critical, ..GrantPolicy::loopback() };
        let grant = WriteGrant::parse(GrantUrl::new(url), &policy, Timestamp::now()).unwrap();
        let file = scratch_with("ours");
        let spec = spec(&hash_file(file.clone()).await.unwrap());
        let error = store(&client().0, &grant, file, &spec).await.unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::NameCollision, "{rights}: {error}");
        assert!(!error.is_transient());
    }
    assert_eq!(storage.get(&container, "a.mp4"), b"somebody else's");
}

#[tokio::test]
async fn a_lost_answer_is_reported_as_such() {
    let storage = Storage::shared();
    let container = storage.container();
    let proxy = FaultProxy::start(storage.address());
    proxy.next(Fault::DropResponse);
    let url = proxy.url(&create_url(&container, "a.mp4"));
    let stored = store_at(&client().0, url, b"ours").await.unwrap();
    assert_eq!((stored.outcome, stored.etag), (StoreOutcome::ExistsAfterOwnAttempt, None));
    assert_eq!(storage.get(&container, "a.mp4"), b"ours");
    assert_eq!(proxy.count("PUT"), 2);
}

#[tokio::test]
async fn an_earlier_attempt_makes_an_existing_blob_possibly_ours() {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "a.mp4", "ours, from before a crash");
    let file = scratch_with("ours");
    let digests = hash_file(file.clone()).await.unwrap();
    let spec = StoreSpec { earlier_attempt: EarlierAttempt::Possible, ..spec(&digests) };
    let stored = store(&client().0, &writer(create_url(&container, "a.mp4")), file, &spec).await.unwrap();
    assert_eq!(stored.outcome, StoreOutcome::ExistsAfterOwnAttempt);
}

#[tokio::test]
async fn a_cut_upload_is_sent_again_whole() {
    let storage = Storage::shared();
    let container = storage.container();
    let proxy = FaultProxy::start(storage.address());
    proxy.next(Fault::busy());
    proxy.next(Fault::CutUploadAfter(300_000));
    let content = noise(2_000_000);
    let url = proxy.url(&create_url(&container, "a.mp4"));
    let (client, clock) = client();
    let stored = store_at(&client, url, &content).await.unwrap();
    assert_eq!(stored.outcome, StoreOutcome::Created);
    assert!(storage.get(&container, "a.mp4") == content);
    assert_eq!(clock.slept().len(), 2);
}

#[tokio::test]
async fn a_connection_that_never_stood_leaves_no_doubt() {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "a.mp4", "somebody else's");
    let proxy = FaultProxy::start(storage.address());
    proxy.next(Fault::busy());
    let url = proxy.url(&create_url(&container, "a.mp4"));
    let error = store_at(&client().0, url, b"ours").await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::NameCollision, "a busy answer stored nothing: {error}");
}

#[tokio::test]
async fn bytes_that_do_not_match_their_md5_are_not_stored() {
    let storage = Storage::shared();
    let container = storage.container();
    let file = scratch_with("ours");
    let digests = hash_file(file.clone()).await.unwrap();
    file.write_all_at(b"0", 0).unwrap();
    let grant = writer(create_url(&container, "a.mp4"));
    let error = store(&client().0, &grant, file, &spec(&digests)).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Md5Mismatch, "{error}");
    assert!(!storage.exists(&container, "a.mp4"));
}

/// The content type may come from a message.
#[tokio::test]
async fn a_content_type_cannot_smuggle_a_header() {
    let server = server::Server::start(|_| server::answer("201 Created", &["content-length: 0"], "")).await;
    let file = scratch_with("ours");
    let honest = spec(&hash_file(file.clone()).await.unwrap());
    for content_type in ["video/mp4\r\nx-ms-blob-type: AppendBlob", "video/mp4\0", "\n"] {
        let spec = StoreSpec { content_type: content_type.into(), ..honest.clone() };
        let grant = writer(made_up_url(&server.origin, "c"));
        let error = store(&client().0, &grant, file.clone(), &spec).await.unwrap_err();
        assert!(matches!(error.kind, StorageErrorKind::Unexpected { status: 0, .. }), "{error}");
    }
    assert_eq!(server.heads(), Vec::<String>::new());
}

#[tokio::test]
async fn more_than_one_put_carries_is_refused_before_it_is_sent() {
    let file = scratch();
    file.set_len(PUT_BYTES_MAX + 1).unwrap();
    let server = server::Server::start(|_| server::answer("500 no", &[], "")).await;
    let digests = valet_blob::Digests { bytes: 0, md5: "x".into(), sha256: "x".into() };
    let grant = writer(made_up_url(&server.origin, "c"));
    let error = store(&client().0, &grant, file, &spec(&digests)).await.unwrap_err();
    let expected = StorageErrorKind::TooLarge { bytes: PUT_BYTES_MAX + 1, bytes_max: PUT_BYTES_MAX };
    assert_eq!(error.kind, expected);
    assert!(error.advice().contains("5,000 MiB"), "{}", error.advice());
    assert_eq!(server.heads(), Vec::<String>::new());
}

/// A real front end may answer by the headers alone and reset while the client still writes. Any try may miss the
/// answer, as the reset overtakes it; of those that hold their body back, one hears it (without that, all eight tries
/// were seen to miss it). How many it takes is up to the scheduler, and not promised.
#[tokio::test]
async fn an_early_refusal_is_heard_although_the_connection_is_reset() {
    let content = noise(64 << 20);
    for bytes in [0, 1, 1 << 10, 1 << 13, 1 << 14, 1 << 15, 1 << 16, 1 << 17] {
        let headers = ["x-ms-error-code: AuthenticationFailed", "content-length: 0"];
        let answer = move |_: &str| server::answer("403 no", &headers, "");
        let server = server::Server::start_early(bytes, answer).await;
        let error = store_at(&client().0, made_up_url(&server.origin, "c"), &content).await.unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::GrantInvalid, "after {bytes} bytes: {error}");
    }
}

#[tokio::test]
async fn an_upload_that_does_not_move_is_given_up() {
    // It listens and never accepts: the socket's buffers fill, then nothing moves.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = made_up_url(&format!("http://{}", silent.local_addr().unwrap()), "c");
    let (client, _) = client_that_waits(Duration::from_millis(200));
    let retry = valet_blob::RetryPolicy { attempts_max: 2, ..Default::default() };
    let error = store_at(&client.with_retry(retry), url, &noise(32 << 20)).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Timeout, "{error}");
}
