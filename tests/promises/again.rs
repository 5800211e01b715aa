//! The same work under the same key is done once, however often and from however broken a producer it is submitted.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use valet_testkit::{Broker, Fault, FaultProxy, Gate, Process, Storage, wait_for};

use crate::backstage::{kind, look, look_for, wait_for_depth};
use crate::stage::{COMMAND_TIMEOUT, Stage};

const KEY: [&str; 4] = ["--preset", "copy", "--idempotency-key", "nightly"];

/// Submits the one job of these tests again; what was told of it.
#[track_caller]
fn submit(stage: &Stage<'_>, more: &[&str]) -> Value {
    let (input, output) = (format!("{}/input", stage.input), stage.target("output"));
    let told = stage.json(0, &[&["submit", &input, &output], KEY.as_slice(), more].concat());
    assert_eq!(told.len(), 1, "{told:?}");
    told[0].clone()
}

fn successes(stage: &Stage<'_>, id: &str) -> usize {
    stage.reports(id).iter().filter(|report| kind(report) == "succeeded").count()
}

#[test]
fn what_is_queued_is_not_enqueued_again() {
    let stage = Stage::new();
    stage.put("input", "some bytes");
    let first = submit(&stage, &[]);
    assert_eq!(first["left_out"], Value::Null, "{first}");
    let second = submit(&stage, &[]);
    assert_eq!((&second["id"], &second["left_out"]), (&first["id"], &json!("queued")), "{second}");
    look_for(&stage, "jobs.r0", 1);
    let words = stage.valet().args(["submit", &format!("{}/input", stage.input), &stage.target("output")]);
    let words = words.args(KEY).run(COMMAND_TIMEOUT).expect_code(0);
    assert!(
        words.stdout.contains("left out: queued") && words.stderr.contains("--again"),
        "{}{}",
        words.stdout,
        words.stderr
    );
    let forced = submit(&stage, &["--again"]);
    assert_eq!((&forced["id"], &forced["left_out"]), (&first["id"], &Value::Null), "{forced}");
    look_for(&stage, "jobs.r0", 2);
}

#[test]
fn what_runs_or_is_done_is_not_enqueued_again() {
    let storage = Storage::shared();
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::on(Broker::shared(), storage).through(&proxy.url(&storage.endpoint()));
    stage.put("input", "some bytes");
    let gate = Gate::default();
    proxy.next_method("PUT", Fault::Hold(gate.clone()));
    let _worker = stage.worker();
    let first = submit(&stage, &[]);
    let id = first["id"].as_str().expect("an id").to_owned();
    gate.wait_for_request();
    assert_eq!(submit(&stage, &[])["left_out"], "running");
    gate.open();
    assert_eq!(stage.wait(0, &id)["state"], "succeeded");
    assert_eq!(submit(&stage, &[])["left_out"], "succeeded");
    let etag = stage.storage.head(&stage.output, "output").expect("the output").etag;
    assert_eq!(submit(&stage, &["--again"])["left_out"], Value::Null, "it was asked for");
    wait_for("the second copy to end", COMMAND_TIMEOUT, || {
        let accepted = stage.reports(&id).iter().filter(|report| kind(report) == "accepted").count();
        let left = stage.vhost.queue_depths();
        if accepted == 2 && stage.vhost.queue_depth("jobs.r0") == Some(0) {
            Ok(())
        } else {
            Err(format!("{accepted} {left}"))
        }
    });
    assert_eq!(stage.wait(0, &id)["state"], "succeeded", "a success is never taken back");
    assert_eq!(stage.storage.head(&stage.output, "output").expect("the output").etag, etag, "written once");
}

#[test]
fn what_failed_for_good_is_enqueued_again() {
    let stage = Stage::new();
    let _worker = stage.worker();
    let first = submit(&stage, &[]);
    let id = first["id"].as_str().expect("an id").to_owned();
    assert_eq!(stage.wait(1, &id)["reason"], "input-missing");
    stage.put("input", "here at last");
    let second = submit(&stage, &[]);
    assert_eq!((&second["id"], &second["left_out"]), (&first["id"], &Value::Null), "{second}");
    let end = stage.wait(0, &id);
    assert_eq!((&end["state"], &end["attempt"]), (&json!("succeeded"), &json!(2)), "{end:#}");
    assert_eq!(successes(&stage, &id), 1);
    assert_eq!(stage.storage.get(&stage.output, "output"), b"here at last");
}

/// Jobs of the batch whose producer is killed.
const LINES: usize = 1_500;

fn manifest(stage: &Stage<'_>) -> String {
    let line = |number: usize| {
        json!({ "input": format!("{}/input", stage.input), "output": stage.target(&number.to_string()) })
            .to_string()
    };
    (0..LINES).map(|number| line(number) + "\n").collect()
}

fn start(stage: &Stage<'_>) -> Process {
    let words = ["--json", "submit", "--manifest", "-"];
    stage.valet().args(words).args(KEY).stdin(manifest(stage)).start()
}

#[test]
fn a_batch_whose_producer_was_killed_is_completed_by_submitting_it_again() {
    let stage = Stage::new();
    let killed = start(&stage);
    wait_for("some jobs to be confirmed", COMMAND_TIMEOUT, || {
        let count = killed.stdout().lines().count();
        if count > 0 { Ok(()) } else { Err(killed.stderr()) }
    });
    killed.kill();
    let first = killed.stdout();
    // The last line may have been cut short.
    let confirmed: Vec<Value> = first.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(!confirmed.is_empty() && confirmed.len() < LINES, "killed in the middle: {}", confirmed.len());

    let second = start(&stage).finish(COMMAND_TIMEOUT).expect_code(0);
    let told: BTreeMap<String, Value> = second
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON lines"))
        .map(|job| (job["id"].to_string(), job["left_out"].clone()))
        .collect();
    assert_eq!(told.len(), LINES, "every job is told of");
    for job in &confirmed {
        assert_eq!(told[&job["id"].to_string()], "queued", "what was confirmed is left out: {job}");
    }
    let enqueued = told.values().filter(|left_out| left_out.is_null()).count();

    let third = start(&stage).finish(COMMAND_TIMEOUT).expect_code(0);
    assert_eq!(third.stdout.matches(r#""left_out":"queued""#).count(), LINES, "now all are there");

    let copies = copies(&stage);
    assert_eq!(copies.len(), LINES, "each job is on the broker");
    for job in &confirmed {
        assert_eq!(copies[&job["id"].to_string()], 1, "what was confirmed is there once: {job}");
    }
    // Those in flight when the producer died may be there twice: they were never confirmed to it.
    let twice = copies.values().filter(|copies| **copies > 1).count();
    assert!(copies.values().all(|copies| *copies <= 2) && twice <= enqueued, "{twice} of {enqueued}");
}

/// How many messages each job has in the queue.
fn copies(stage: &Stage<'_>) -> BTreeMap<String, u32> {
    let mut copies = BTreeMap::new();
    for message in look(stage, "jobs.r0") {
        *copies.entry(message["properties"]["message_id"].to_string()).or_default() += 1;
    }
    copies
}

#[test]
fn two_copies_of_one_job_are_one_output_and_one_success() {
    let stage = Stage::new();
    stage.put("input", "some bytes");
    let first = submit(&stage, &[]);
    let id = first["id"].as_str().expect("an id").to_owned();
    submit(&stage, &["--again"]);
    wait_for_depth(&stage, "jobs.r0", 2);
    let _workers = [stage.worker(), stage.worker()];
    assert_eq!(stage.wait(0, &id)["state"], "succeeded");
    wait_for_depth(&stage, "jobs.r0", 0);
    let ids: std::collections::BTreeSet<String> = stage
        .reports(&id)
        .iter()
        .filter(|report| kind(report) == "succeeded")
        .map(|report| report["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(stage.storage.list(&stage.output), ["output"]);
    assert_eq!(stage.wait(0, &id)["state"], "succeeded");
}
