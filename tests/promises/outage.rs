//! Storage or broker goes away and comes back: jobs wait, nothing is lost, nothing is done twice.

use std::time::Duration;

use serde_json::Value;
use valet_testkit::{Broker, Exchange, Fault, FaultProxy, Gate, Storage, media, wait_for};

use crate::stage::{COMMAND_TIMEOUT, Stage};

#[test]
fn storage_that_answers_503_for_a_while_only_delays_a_job() {
    let storage = Storage::shared();
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::on(Broker::shared(), storage).through(&proxy.url(&storage.endpoint()));
    let _worker = stage.worker();
    let input = stage.put("input", "some bytes");
    proxy.times(3, Fault::busy());
    let end = stage.run(0, &input, &stage.target("output"), &["--preset", "copy"]);
    assert_eq!(end["state"], "succeeded", "{end:#}");
    assert_eq!(end["attempt"], 1, "a short outage is ridden out within the attempt: {end:#}");
    assert_eq!(stage.storage.get(&stage.output, "output"), b"some bytes");
}

#[test]
fn a_connection_cut_in_the_middle_of_the_input_is_resumed() {
    let storage = Storage::shared();
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::on(Broker::shared(), storage).through(&proxy.url(&storage.endpoint()));
    let _worker = stage.worker();
    let bytes: Vec<u8> = (0..20_u32 << 20).map(|at| u8::try_from(at % 251).expect("below 251")).collect();
    let input = stage.put("input", &bytes);
    proxy.next(Fault::CutAfter(3 << 20));
    let end = stage.run(0, &input, &stage.target("output"), &["--preset", "copy"]);
    assert_eq!(end["attempt"], 1, "{end:#}");
    assert!(stage.storage.get(&stage.output, "output") == bytes, "the output is byte for byte the input");
}

#[test]
fn a_lost_answer_to_the_store_is_reported_as_such_and_verified() {
    let storage = Storage::shared();
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::on(Broker::shared(), storage).through(&proxy.url(&storage.endpoint()));
    let _worker = stage.worker();
    let input = stage.put("input", "some bytes");
    proxy.next_method("PUT", Fault::DropResponse);
    let end = stage.run(0, &input, &stage.target("output"), &["--preset", "copy"]);
    assert_eq!(end["output"]["stored"], "exists-after-own-attempt", "{end:#}");
    assert_eq!(end["output"]["verified"], true, "the producer may read, so it has compared: {end:#}");
    assert_eq!(proxy.count("PUT"), 2, "one lost, one refused");
}

#[test]
fn storage_that_stays_away_means_a_retry_and_not_a_failure() {
    let storage = Storage::shared();
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::declared(Broker::shared(), storage, &["--retry-1", "2s", "--retry-2", "2s"]);
    let stage = stage.through(&proxy.url(&storage.endpoint()));
    let _worker = stage.worker();
    let input = stage.put("input", "some bytes");
    proxy.always(Fault::Refuse);
    let id = stage.submit(&input, &stage.target("output"), &["--preset", "copy"]);
    wait_for("a report that the job is retried", COMMAND_TIMEOUT, || {
        let reports = stage.reports(&id);
        let retried = reports.iter().find(|report| kind(report) == "retrying").cloned();
        retried.ok_or_else(|| format!("{reports:?}"))
    });
    proxy.heal();
    let end = stage.wait(0, &id);
    assert_eq!(end["state"], "succeeded", "{end:#}");
    assert!(end["attempt"].as_u64().is_some_and(|attempt| attempt > 1), "{end:#}");
}

/// Some reads of the input succeed, the next one hangs; in the second attempt none does. Returns where those reads
/// began that succeeded in the first, in bytes.
fn expect_a_retry_when_storage_hangs_after(reads: u32) -> Vec<u64> {
    let storage = Storage::shared();
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::declared(Broker::shared(), storage, &["--retry-1", "2s", "--retry-2", "2s"]);
    let stage = stage.through(&proxy.url(&storage.endpoint()));
    let _worker = stage.start(stage.worker_program().env("VALET_WORKER_STALL_SECONDS", "5"));
    let film = std::fs::read(media::long_clip(600)).expect("the clip is readable");
    let input = stage.put("input", film);
    let gate = Gate::default();
    for _ in 0..reads {
        proxy.next_method("GET", Fault::Latency(Duration::ZERO));
    }
    proxy.next_method("GET", Fault::Hold(gate.clone()));
    let id = stage.submit(&input, &stage.target("output"), &["--preset", "remux-mp4"]);
    gate.wait_for_request();
    let starts = proxy.exchanges().iter().filter_map(start_of_range).collect();
    let told = wait_for("the end of the attempt", COMMAND_TIMEOUT, || {
        let reports = stage.reports(&id);
        let end = reports.iter().find(|report| ["retrying", "failed"].contains(&kind(report))).cloned();
        end.ok_or_else(|| format!("{reports:?}"))
    });
    gate.open();
    let (reason, detail) = (&told["data"]["reason"], told["data"]["detail"].as_str().unwrap_or_default());
    assert_eq!((kind(&told), reason), ("retrying", &"storage-unavailable".into()), "{told:#}");
    assert!(detail.contains("no byte came for"), "{told:#}");
    let end = stage.wait(0, &id);
    assert_eq!((&end["state"], &end["attempt"]), (&"succeeded".into(), &2.into()), "{end:#}");
    starts
}

fn start_of_range(exchange: &Exchange) -> Option<u64> {
    exchange.header("range")?.strip_prefix("bytes=")?.split('-').next()?.parse().ok()
}

#[test]
fn storage_that_hangs_under_the_look_at_the_input_means_a_retry_and_not_a_failure() {
    assert_eq!(expect_a_retry_when_storage_hangs_after(0), [0_u64; 0], "it was the first");
}

#[test]
fn storage_that_hangs_under_a_codec_means_a_retry_and_not_a_failure() {
    let starts = expect_a_retry_when_storage_hangs_after(5);
    // A look reads the first megabyte and the index, which is at the end.
    let is_of_codec = |start: &u64| (3 << 20..20 << 20).contains(start);
    assert!(starts.iter().any(is_of_codec), "the look was not over: {starts:?}");
}

#[test]
fn heavy_a_broker_that_is_killed_and_restarted_loses_no_job() {
    let broker = Broker::start();
    let storage = Storage::shared();
    let stage = Stage::on(&broker, storage);
    // RabbitMQ 3.10 writes its directory of queues some seconds late: an orderly restart puts it on disk. Nobody
    // loses queues that were declared longer ago than that.
    broker.stop();
    broker.restart();
    let worker = stage.worker();
    let input = stage.put("clip.mp4", media::bytes("clip.mp4"));
    let ids: Vec<String> = (0..5)
        .map(|number| {
            stage.submit(&input, &stage.target(&format!("{number}.mp4")), &["--preset", "h264-720p"])
        })
        .collect();
    broker.kill();
    wait_for("the worker to notice", Duration::from_secs(60), || {
        let said = worker.stderr();
        if said.contains("broker") { Ok(()) } else { Err(said) }
    });
    broker.restart();
    for id in &ids {
        let end = stage.wait(0, id);
        assert_eq!(end["state"], "succeeded", "{end:#}\n{}", worker.stderr());
    }
    assert_eq!(stage.storage.list(&stage.output).len(), ids.len());
    assert!(stage.dead().is_empty(), "{:?}", stage.dead());
}

#[test]
fn heavy_submitting_while_the_broker_is_down_says_so_and_loses_nothing() {
    let broker = Broker::start();
    let stage = Stage::on(&broker, Storage::shared());
    let input = stage.put("input", "some bytes");
    broker.stop();
    let output = stage.target("output");
    let refused = stage.valet().args(["submit", &input, &output, "--preset", "copy"]).run(COMMAND_TIMEOUT);
    let refused = refused.expect_code(69);
    assert!(refused.stderr.contains("broker"), "{}", refused.stderr);
    broker.restart();
    let _worker = stage.worker();
    let end = stage.run(0, &input, &output, &["--preset", "copy"]);
    assert_eq!(end["state"], "succeeded", "{end:#}");
}

fn kind(report: &Value) -> &str {
    report["type"].as_str().and_then(|kind| kind.rsplit('.').next()).unwrap_or_default()
}
