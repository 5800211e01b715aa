//! A door to a blob: storage's faults are not seen by the codec, its refusals are told to the worker alone.

use std::time::Duration;

use jiff::Timestamp;
use valet_blob::http::{Client, Egress};
use valet_blob::{Input, Reader, ReaderOptions, RetryPolicy, StorageErrorKind};
use valet_grant::{GrantPolicy, GrantUrl, ReadGrant};
use valet_testkit::{Fault, FaultProxy, Gate, Sas, Storage, wait_for};
use valet_worker::door::{Door, DoorLimits, Source, Trip};

use super::codec::{Codec, get};
use super::noise;

/// A door to a blob behind a proxy.
async fn door_to_blob(content: &[u8]) -> (Door, FaultProxy, impl Fn(Vec<u8>) + use<>) {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "a.mov", content);
    let proxy = FaultProxy::start(storage.address());
    let url = proxy.url(&storage.sas_url(&Sas::read(&container, "a.mov")));
    let policy = GrantPolicy::loopback();
    let grant = ReadGrant::parse(GrantUrl::new(url), &policy, Timestamp::now()).unwrap();
    let retry = RetryPolicy { delay_first: Duration::from_millis(1), ..RetryPolicy::default() };
    let client = Client::new(Egress::new(policy.hosts)).unwrap().with_retry(retry);
    let input = Input::open(&client, &grant, None).await.unwrap();
    let source = Source::Blob(Reader::new(input, ReaderOptions::default()));
    let replace = move |content: Vec<u8>| {
        storage.put(&container, "a.mov", content);
    };
    (Door::new(source, DoorLimits::default()), proxy, replace)
}

#[tokio::test]
async fn a_blob_is_read_through_faults_that_the_codec_does_not_see() {
    let content = noise(3_000_003);
    let (door, proxy, _) = door_to_blob(&content).await;
    proxy.next_method("GET", Fault::CutAfter(700_000));
    proxy.next_method("GET", Fault::busy());
    let mut codec = Codec::open(&door);
    codec.send(get(None)).await;
    assert!(codec.answer().await.body == content);
    codec.send(get(Some("bytes=1500000-1600000"))).await;
    assert!(codec.answer().await.body == content[1_500_000..=1_600_000]);
    assert!(door.trip().is_none());
    assert_eq!(door.stats().served_bytes, 3_000_003 + 100_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_is_late_while_storage_holds_back_what_the_codec_asked_for_and_not_while_the_codec_does_not_read()
 {
    let (door, proxy, _) = door_to_blob(&noise(3_000_003)).await;
    let late = || door.late(Duration::ZERO);
    let gate = Gate::default();
    proxy.next_method("GET", Fault::Hold(gate.clone()));
    let mut codec = Codec::open(&door);
    assert!(late().is_none(), "nothing was asked for");
    codec.send(get(None)).await;
    tokio::task::block_in_place(|| gate.wait_for_request());
    let Some(Trip::Storage(error)) = late() else { panic!("{:?}", late()) };
    assert_eq!(error.kind, StorageErrorKind::Timeout, "{error}");
    assert!(door.late(Duration::from_secs(3_600)).is_none(), "not for an hour");
    gate.open();
    // From here on the codec reads nothing, as one would that wants to be taken for one that waits.
    codec.read_some(1).await;
    tokio::task::block_in_place(|| {
        wait_for("the door to wait for the codec", Duration::from_secs(10), || match late() {
            None => Ok(()),
            trip => Err(format!("{trip:?}")),
        });
    });
    assert!(door.trip().is_none(), "who looks at it does not shut it");
}

#[tokio::test]
async fn a_changed_input_shuts_the_door_and_the_codec_learns_nothing() {
    let (door, _proxy, replace) = door_to_blob(&noise(100_000)).await;
    replace(noise(100_000));
    let mut codec = Codec::open(&door);
    codec.send(get(None)).await;
    let Trip::Storage(error) = door.tripped().await else { panic!("{:?}", door.trip()) };
    assert_eq!(error.kind, StorageErrorKind::InputChanged, "{error}");
    let heard = String::from_utf8(codec.rest().await).unwrap();
    assert!(heard.ends_with("\r\n\r\n"), "a head, if any, and no word more: {heard}");
}
