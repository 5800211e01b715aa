//! `valet cancel` ends a job wherever it is: waiting, running, between two attempts, while the broker is away. It is
//! stored and has succeeded, or it is not stored and is cancelled.

use std::time::{Duration, Instant};

use serde_json::Value;
use valet_testkit::process::family::descendants;
use valet_testkit::{Broker, Fault, FaultProxy, Gate, Process, Storage, media, wait_for};

use crate::backstage::{kind, wait_for_depth};
use crate::stage::{COMMAND_TIMEOUT, Stage};

/// A killed jail is gone within a second of the order; the rest is a busy machine's.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

const COPY: [&str; 2] = ["--preset", "copy"];

/// Enqueues a job that takes minutes.
fn submit_long(stage: &Stage<'_>) -> String {
    stage.storage.put_file(&stage.input, "long.mp4", &media::long_clip(600));
    stage.submit(&format!("{}/long.mp4", stage.input), &stage.target("output"), &["--preset", "h265-1080p"])
}

/// The processes of a worker that are ffmpeg.
fn codecs(worker: &Process) -> Vec<u32> {
    let is_codec = |id: &u32| {
        std::fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.contains("bin/ffmpeg"))
    };
    descendants(worker.id()).into_iter().filter(is_codec).collect()
}

#[track_caller]
fn wait_for_codec(worker: &Process) {
    wait_for("the codec to be at work", COMMAND_TIMEOUT, || {
        if codecs(worker).is_empty() { Err(worker.last_lines()) } else { Ok(()) }
    });
}

#[track_caller]
fn wait_for_kind(stage: &Stage<'_>, job: &str, expected: &str, worker: &Process) {
    wait_for(&format!("a report {expected}"), COMMAND_TIMEOUT, || {
        let kinds = kinds(stage, job);
        if kinds.iter().any(|kind| kind == expected) {
            Ok(())
        } else {
            Err(format!("{kinds:?}\n{}", worker.last_lines()))
        }
    });
}

/// Kinds of reports in their order, without progress.
fn kinds(stage: &Stage<'_>, job: &str) -> Vec<String> {
    let reports = stage.reports(job);
    reports.iter().map(|report| kind(report).to_owned()).filter(|kind| kind != "progress").collect()
}

/// Orders the end of a job, and waits for it.
#[track_caller]
fn cancel(stage: &Stage<'_>, job: &str) -> Value {
    let told = stage.json(0, &["cancel", job, "--why", "wrong folder"]);
    assert_eq!((told.len(), &told[0]["ordered"]), (1, &Value::Bool(true)), "{told:?}");
    told[0].clone()
}

/// The job is cancelled, and nothing of it is anywhere.
#[track_caller]
fn expect_cancelled(stage: &Stage<'_>, job: &str, worker: &Process) {
    wait_for_kind(stage, job, "cancelled", worker);
    let reports = stage.reports(job);
    let last = reports.last().expect("some reports");
    assert_eq!(kind(last), "cancelled", "{reports:?}");
    assert_eq!(last["data"]["detail"], "wrong folder", "{last:#}");
    assert_eq!(stage.json(0, &["status", job])[0]["state"], "cancelled");
    assert_eq!(stage.storage.list(&stage.output), Vec::<String>::new(), "nothing is stored");
    assert!(stage.dead().is_empty(), "{:?}", stage.dead());
    for queue in ["jobs.r0", "jobs.r1", "jobs.r2", "retry.1", "retry.2", "jobs.ended"] {
        wait_for_depth(stage, queue, 0);
    }
}

/// Whoever cancels a job of another lane's id cancels that lane's job alone, whether or not anybody has heard of it.
#[test]
fn the_order_for_another_lanes_job_of_the_same_id_cancels_nothing_here() {
    let stage = Stage::new();
    let input = stage.put("input", "some bytes");
    let job = stage.submit(&input, &stage.target("output"), &COPY);
    let told = stage.json(0, &["cancel", &format!("acme/{job}"), "--why", "not ours"]);
    assert_eq!(
        (&told[0]["lane"], &told[0]["ordered"]),
        (&Value::from("acme"), &Value::Bool(true)),
        "{told:?}"
    );
    let _worker = stage.worker();
    assert_eq!(stage.wait(0, &job)["state"], "succeeded");
}

#[test]
fn a_queued_job_is_never_begun() {
    let stage = Stage::new();
    let input = stage.put("input", "some bytes");
    let job = stage.submit(&input, &stage.target("output"), &COPY);
    cancel(&stage, &job);
    let worker = stage.worker();
    expect_cancelled(&stage, &job, &worker);
    assert!(!kinds(&stage, &job).iter().any(|kind| kind == "accepted" || kind == "started"), "{job}");
}

#[test]
fn a_running_jobs_jail_is_killed_and_the_worker_takes_the_next() {
    let stage = Stage::new();
    let worker = stage.worker();
    let job = submit_long(&stage);
    wait_for_codec(&worker);
    cancel(&stage, &job);
    let ordered = Instant::now();
    wait_for("the codec to be gone", KILL_TIMEOUT, || {
        let left = codecs(&worker);
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}\n{}", worker.last_lines())) }
    });
    println!("the codec was gone {} ms after `valet cancel` had ended", ordered.elapsed().as_millis());
    expect_cancelled(&stage, &job, &worker);
    let input = stage.put("input", "some bytes");
    assert_eq!(stage.run(0, &input, &stage.target("next"), &COPY)["state"], "succeeded");
}

#[test]
fn a_job_that_waits_for_its_next_attempt_ends_when_its_turn_comes() {
    let storage = Storage::shared();
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::declared(Broker::shared(), storage, &["--retry-1", "4s", "--retry-2", "4s"]);
    let stage = stage.through(&proxy.url(&storage.endpoint()));
    let worker = stage.worker();
    let input = stage.put("input", "some bytes");
    proxy.always(Fault::Refuse);
    let job = stage.submit(&input, &stage.target("output"), &COPY);
    wait_for_kind(&stage, &job, "retrying", &worker);
    cancel(&stage, &job);
    proxy.heal();
    expect_cancelled(&stage, &job, &worker);
    let started = kinds(&stage, &job).iter().filter(|kind| *kind == "started").count();
    assert_eq!(started, 0, "storage was away, and then it was cancelled");
}

/// The order comes while the output is on its way to storage: too late, and said so by success alone.
#[test]
fn a_job_that_is_being_stored_succeeds_and_is_not_cancelled() {
    let storage = Storage::shared();
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::on(Broker::shared(), storage).through(&proxy.url(&storage.endpoint()));
    let input = stage.put("input", "some bytes");
    let gate = Gate::default();
    proxy.next_method("PUT", Fault::Hold(gate.clone()));
    let worker = stage.worker();
    let job = stage.submit(&input, &stage.target("output"), &COPY);
    gate.wait_for_request();
    cancel(&stage, &job);
    gate.open();
    wait_for_kind(&stage, &job, "succeeded", &worker);
    assert!(!kinds(&stage, &job).iter().any(|kind| kind == "cancelled"), "never both");
    assert_eq!(stage.storage.get(&stage.output, "output"), b"some bytes");
}

/// Told again and again, for a job that has ended and for one that nobody knows: nothing happens, and later jobs run.
#[test]
fn cancelling_twice_or_an_unknown_job_does_no_harm() {
    let stage = Stage::new();
    let input = stage.put("input", "some bytes");
    let job = stage.submit(&input, &stage.target("output"), &COPY);
    cancel(&stage, &job);
    cancel(&stage, &job);
    stage.json(0, &["cancel", "01920000-0000-7000-8000-00000000abcd"]);
    let worker = stage.worker();
    expect_cancelled(&stage, &job, &worker);
    let cancelled = kinds(&stage, &job).iter().filter(|kind| *kind == "cancelled").count();
    assert_eq!(cancelled, 1);
    assert_eq!(stage.run(0, &input, &stage.target("output"), &COPY)["state"], "succeeded", "submitted anew");
}

/// Orders are on a log: a worker that was away reads them all, before it takes a job.
#[test]
fn heavy_an_order_outlives_a_broker_that_is_killed() {
    let broker = Broker::start();
    let stage = Stage::on(&broker, Storage::shared());
    broker.stop();
    broker.restart();
    let worker = stage.worker();
    let running = submit_long(&stage);
    wait_for_codec(&worker);
    let input = stage.put("input", "some bytes");
    let waiting = stage.submit(&input, &stage.target("waiting"), &COPY);
    cancel(&stage, &waiting);
    broker.kill();
    wait_for("the worker to notice", COMMAND_TIMEOUT, || {
        let said = worker.stderr();
        if said.contains("gave the job up") { Ok(()) } else { Err(said) }
    });
    broker.restart();
    cancel(&stage, &running);
    for job in [&waiting, &running] {
        wait_for_kind(&stage, job, "cancelled", &worker);
        assert!(!kinds(&stage, job).iter().any(|kind| kind == "succeeded"), "{}", worker.last_lines());
    }
    assert_eq!(stage.storage.list(&stage.output), Vec::<String>::new(), "nothing is stored");
}
