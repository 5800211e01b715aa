//! What storage says of wrong grants, wrong names and missing things, against real Azurite.

mod common;

use std::time::Duration;

use common::{client, create_url, open_at, read_url, reader, store_at};
use valet_blob::{Input, StorageErrorKind};
use valet_testkit::{Fault, FaultProxy, Sas, Storage};

#[tokio::test]
async fn a_missing_blob_and_a_missing_container_are_told_apart() {
    let storage = Storage::shared();
    let container = storage.container();
    let (client, _) = client();
    let error = open_at(&client, read_url(&container, "absent")).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::BlobMissing, "{error}");
    let error = open_at(&client, read_url("no-such-container", "absent")).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::ContainerMissing, "{error}");
    let error = store_at(&client, create_url("no-such-container", "a.mp4"), b"x").await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::ContainerMissing, "{error}");
}

#[tokio::test]
async fn a_forged_grant_is_invalid() {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "a.mov", "abc");
    let (client, _) = client();
    let other = read_url(&container, "a.mov").replace("a.mov", "b.mov");
    let error = open_at(&client, other).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::GrantInvalid, "{error}");
    assert_eq!(error.status, Some(403));
    let widened = create_url(&container, "a.mov").replace("sp=c", "sp=r");
    let error = open_at(&client, widened).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::GrantInvalid, "{error}");
}

/// Storage's clock is the real one, ours is ahead: the code is the same as for a forged grant, the kind is not.
#[tokio::test]
async fn a_grant_that_storage_refuses_after_its_expiry_has_expired() {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "a.mov", "abc");
    let url = read_url(&container, "a.mov");
    let (client, clock) = client();
    let grant = reader(url);
    clock.leap(Duration::from_secs(3_601));
    let error = Input::open(&client, &grant, None).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::GrantExpired, "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_grant_for_https_is_refused_over_http() {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "a.mov", "abc");
    let sas = Sas { protocol: Some("https".into()), ..Sas::read(&container, "a.mov") };
    let error = open_at(&client().0, storage.sas_url(&sas)).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::WrongProtocol, "{error}");
}

/// No typed grant lacks its right, so a policy behind the grant (`si`) must have changed: told by a proxy.
#[tokio::test]
async fn the_wrong_right_is_named() {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "a.mov", "abc");
    let proxy = FaultProxy::start(storage.address());
    proxy.next(Fault::answer(403, "AuthorizationPermissionMismatch"));
    let error = open_at(&client().0, proxy.url(&read_url(&container, "a.mov"))).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::WrongRight, "{error}");
    assert!(error.advice().contains("sp=r"), "{}", error.advice());
}
