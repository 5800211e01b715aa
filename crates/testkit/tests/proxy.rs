//! Each fault of the proxy does to a real exchange what it says.

use std::time::{Duration, Instant};

use valet_testkit::{Fault, FaultProxy, Gate, Sas, Storage, http, wait_for};

/// A proxy before the shared storage, a container there, and the proxied URL of a blob of 100,000 bytes.
fn scene() -> (FaultProxy, String, String) {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "in", vec![7; 100_000]);
    let proxy = FaultProxy::start(storage.address());
    let url = proxy.url(&storage.sas_url(&Sas::read(&container, "in")));
    (proxy, container, url)
}

fn get(url: &str) -> Result<http::Answer, String> {
    http::send("GET", url, &[], ()).map_err(|e| e.to_string())
}

#[test]
fn without_a_fault_everything_passes_and_is_counted() {
    let (proxy, _, url) = scene();
    assert_eq!(get(&url).expect("an answer").body.len(), 100_000);
    wait_for("the record", Duration::from_secs(5), || proxy.count("GET") == 1);
    let exchange = &proxy.exchanges()[0];
    assert_eq!((exchange.status, exchange.bytes_down, exchange.bytes_up), (Some(200), 100_000, 0));
    assert!(exchange.header("host").is_some());
}

#[test]
fn a_held_request_sees_the_world_as_it_is_when_the_gate_opens() {
    let (proxy, container, url) = scene();
    let gate = Gate::default();
    proxy.next(Fault::Hold(gate.clone()));
    let waiting = std::thread::spawn(move || get(&url));
    gate.wait_for_request();
    Storage::shared().put(&container, "in", "changed");
    gate.open();
    assert_eq!(waiting.join().expect("no panic").expect("an answer").body, b"changed");
}

#[test]
fn a_cut_download_fails_once() {
    let (proxy, _, url) = scene();
    proxy.next(Fault::CutAfter(1000));
    assert!(get(&url).is_err());
    wait_for("the record", Duration::from_secs(5), || proxy.bytes_down() == 1000);
    assert_eq!(get(&url).expect("an answer").status, 200);
}

#[test]
fn a_flipped_byte_arrives() {
    let (proxy, _, url) = scene();
    proxy.next(Fault::FlipByte(70_000));
    let body = get(&url).expect("an answer").body;
    assert_eq!((body[69_999], body[70_000], body[70_001]), (7, !7, 7));
}

#[test]
fn scripted_answers_and_refusals_come_in_order() {
    let (proxy, _, url) = scene();
    proxy.times(2, Fault::busy());
    proxy.next(Fault::Answer { status: 429, code: "TooManyRequests", retry_after_seconds: Some(3) });
    proxy.next(Fault::Refuse);
    assert_eq!(get(&url).expect("an answer").error_code(), "ServerBusy");
    assert_eq!(get(&url).expect("an answer").status, 503);
    assert_eq!(get(&url).expect("an answer").headers["retry-after"], "3");
    assert!(get(&url).is_err());
    assert_eq!(get(&url).expect("an answer").status, 200);
    proxy.always(Fault::Refuse);
    assert!(get(&url).is_err() && get(&url).is_err());
    proxy.heal();
    assert_eq!(get(&url).expect("an answer").status, 200);
}

#[test]
fn a_dropped_response_leaves_the_work_done() {
    let (proxy, container, _) = scene();
    let storage = Storage::shared();
    let url = proxy.url(&storage.sas_url(&Sas::create(&container, "out")));
    proxy.next_method("PUT", Fault::DropResponse);
    let put = || http::send("PUT", &url, &[("x-ms-blob-type", "BlockBlob")], "abc");
    assert!(put().is_err());
    assert_eq!(storage.get(&container, "out"), b"abc");
    assert_eq!(put().expect("an answer").status, 403);
}

#[test]
fn a_cut_upload_stores_nothing() {
    let (proxy, container, _) = scene();
    let storage = Storage::shared();
    let url = proxy.url(&storage.sas_url(&Sas::create(&container, "out")));
    proxy.next(Fault::CutUploadAfter(5000));
    let body = vec![1; 1_000_000];
    let put = || http::send("PUT", &url, &[("x-ms-blob-type", "BlockBlob")], &body);
    assert!(put().is_err());
    wait_for("the record", Duration::from_secs(5), || proxy.count("PUT") == 1);
    assert_eq!(proxy.exchanges()[0].bytes_up, 5000);
    assert!(!storage.exists(&container, "out"));
    assert_eq!(put().expect("an answer").status, 201);
}

#[test]
fn latency_delays() {
    let (proxy, _, url) = scene();
    proxy.next(Fault::Latency(Duration::from_millis(300)));
    let start = Instant::now();
    assert_eq!(get(&url).expect("an answer").status, 200);
    assert!(start.elapsed() >= Duration::from_millis(300));
}
