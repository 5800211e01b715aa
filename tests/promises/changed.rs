//! An input that changes while it is read ends the job; a connection that breaks while it is read changes nothing.

use std::time::Duration;

use serde_json::Value;
use valet_testkit::{Broker, Fault, FaultProxy, Gate, Storage, media};

use crate::stage::Stage;
use crate::verdict::{expect_failed, expect_nothing_stored};

fn scene() -> (FaultProxy, Stage<'static>) {
    let storage = Storage::shared();
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::on(Broker::shared(), storage).through(&proxy.url(&storage.endpoint()));
    (proxy, stage)
}

/// A film of several ranges, its index at the end.
fn film() -> Vec<u8> {
    std::fs::read(media::long_clip(60)).expect("the clip is readable")
}

/// The read of the job after so many is held, the input overwritten, and the read let go.
fn change_after(reads: u32, preset: &str) {
    let (proxy, stage) = scene();
    let _worker = stage.worker();
    let input = stage.put("input", film());
    let gate = Gate::default();
    for _ in 0..reads {
        proxy.next_method("GET", Fault::Latency(Duration::ZERO));
    }
    proxy.next_method("GET", Fault::Hold(gate.clone()));
    let job = stage.submit(&input, &stage.target("output"), &["--preset", preset]);
    gate.wait_for_request();
    let mut other = film();
    other.reverse();
    stage.put("input", other);
    gate.open();
    expect_failed(&stage, &job, &["input-changed"]);
    expect_nothing_stored(&stage);
    let kinds: Vec<Value> = stage.reports(&job).into_iter().map(|report| report["type"].clone()).collect();
    assert!(!kinds.contains(&"valet.job.retrying".into()), "trying again would not help: {kinds:?}");
}

#[test]
fn an_input_that_changes_under_a_codec_ends_the_job_for_good() {
    change_after(1, "h264-720p");
}

#[test]
fn an_input_that_changes_under_a_look_ends_the_job_for_good() {
    change_after(1, "probe-json");
}

#[test]
fn an_input_that_changes_under_a_copy_ends_the_job_for_good() {
    // One read is enough for it; what the blob is like was asked before.
    change_after(0, "copy");
}

#[test]
fn a_connection_that_breaks_under_a_codec_is_not_seen_in_the_output() {
    let (proxy, stage) = scene();
    let _worker = stage.worker();
    let input = stage.put("input", film());
    let run = |name: &str| {
        let arguments = ["--preset", "remux-mp4"];
        let end = stage.run(0, &input, &stage.target(name), &arguments);
        assert_eq!((&end["state"], &end["attempt"]), (&"succeeded".into(), &1.into()), "{end:#}");
        stage.storage.get(&stage.output, name)
    };
    let whole = run("whole");
    for cut_after in [300_000, 0, 100_000, 65_536] {
        proxy.next_method("GET", Fault::CutAfter(cut_after));
    }
    proxy.next_method("GET", Fault::busy());
    assert!(run("broken") == whole, "byte for byte the same");
    assert!(
        proxy.exchanges().iter().any(|exchange| exchange.fault == Some(Fault::busy())),
        "all faults happened"
    );
}
