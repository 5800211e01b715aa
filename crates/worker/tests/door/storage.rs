//! A door to a blob: storage's faults are not seen by the codec, its refusals are told to the worker alone.

use jiff::Timestamp;
use valet_blob::http::{Client, Egress};
use valet_blob::{Input, Reader, ReaderOptions, RetryPolicy, StorageErrorKind};
use valet_grant::{GrantPolicy, GrantUrl, ReadGrant};
use valet_testkit::{Fault, FaultProxy, Sas, Storage};
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
    let retry = RetryPolicy { delay_first: std::time::Duration::from_millis(1), ..RetryPolicy::default() };
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
