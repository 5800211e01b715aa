//! A job that is handed out twice is stored once, told once, and encoded once wherever anybody can know: after its
//! store, after its report, while it is worked at, by two workers at a time.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use valet_testkit::{Broker, Fault, FaultProxy, Gate, Process, Storage, wait_for};

use crate::backstage::{kind, wait_for_depth};
use crate::message::Message;
use crate::stage::{COMMAND_TIMEOUT, Stage};

const COPY: [&str; 2] = ["--preset", "copy"];

/// Well above what the broker takes to list and cut the connections of a worker.
const CUT_TIMEOUT: Duration = Duration::from_secs(60);

/// A stage whose storage is behind a proxy.
fn behind_a_proxy() -> (Stage<'static>, FaultProxy) {
    let storage = Storage::shared();
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::on(Broker::shared(), storage).through(&proxy.url(&storage.endpoint()));
    (stage, proxy)
}

/// The reports of one job that are of a kind, each id once.
fn told(reports: &[Value], word: &str) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for report in reports.iter().filter(|report| kind(report) == word) {
        if !found.iter().any(|known| known["id"] == report["id"]) {
            found.push(report.clone());
        }
    }
    found
}

/// One output with these bytes, one success told in one way, and nobody left behind; the reports.
#[track_caller]
fn expect_once(stage: &Stage<'_>, job: &str, worker: &Process) -> Vec<Value> {
    let reports = wait_for("the end of the job", COMMAND_TIMEOUT, || {
        let reports = stage.reports(job);
        if told(&reports, "succeeded").is_empty() {
            Err(format!("{reports:?}\n{}", worker.last_lines()))
        } else {
            Ok(reports)
        }
    });
    for queue in ["jobs.r0", "jobs.ended", "dead", "expired"] {
        wait_for_depth(stage, queue, 0);
    }
    assert_eq!(told(&reports, "succeeded").len(), 1, "{reports:?}");
    for bad in ["failed", "dead", "expired", "cancelled"] {
        assert_eq!(told(&reports, bad), Vec::<Value>::new(), "{reports:?}");
    }
    assert_eq!(stage.storage.list(&stage.output), ["output"]);
    assert_eq!(stage.storage.get(&stage.output, "output"), b"some bytes");
    assert_eq!(stage.wait(0, job)["state"], "succeeded");
    reports
}

/// The broker cuts all connections of the stage, once it lists them.
#[track_caller]
fn cut_connections(stage: &Stage<'_>) {
    wait_for("connections to be cut", CUT_TIMEOUT, || stage.broker.close_connections(&stage.vhost) >= 2);
}

/// Its answer was lost, and before it could ask again the worker died: nobody knows but storage.
#[test]
fn a_job_stored_by_a_worker_that_died_before_its_report_is_found_and_not_done_again() {
    let (stage, proxy) = behind_a_proxy();
    let input = stage.put("input", "some bytes");
    let gate = Gate::default();
    proxy.next_method("PUT", Fault::DropResponse);
    proxy.next_method("PUT", Fault::Hold(gate.clone()));
    let first = stage.worker();
    let job = stage.submit(&input, &stage.target("output"), &COPY);
    gate.wait_for_request();
    let etag = stage.storage.head(&stage.output, "output").expect("stored").etag;
    first.kill();
    gate.open();
    let second = stage.worker();
    let reports = expect_once(&stage, &job, &second);
    let success = &told(&reports, "succeeded")[0];
    assert_eq!(success["data"]["stored"], "found", "{success:#}");
    assert_eq!(success["data"]["sha256"], Value::Null, "nobody has looked into it: {success:#}");
    assert_eq!(told(&reports, "started").len(), 1, "it was not begun again: {reports:?}");
    assert_eq!(stage.storage.head(&stage.output, "output").expect("stored").etag, etag);
    let end = stage.wait(0, &job);
    assert_eq!(end["output"]["verified"], true, "the producer may read, so it has looked: {end:#}");
}

/// The very same message again, as a redelivery after the report would bring it to the same worker.
#[test]
fn a_job_that_comes_again_after_its_report_is_told_again_in_the_same_words() {
    let (stage, proxy) = behind_a_proxy();
    stage.put("input", "some bytes");
    let worker = stage.worker();
    let message = Message::copy(&stage, "input", "output");
    message.publish(&stage);
    let before = expect_once(&stage, &message.id, &worker);
    let puts = proxy.count("PUT");
    message.publish(&stage);
    wait_for("the success to be told again", COMMAND_TIMEOUT, || {
        let reports = stage.reports(&message.id);
        let times = reports.iter().filter(|report| kind(report) == "succeeded").count();
        if times == 2 { Ok(()) } else { Err(format!("{reports:?}\n{}", worker.last_lines())) }
    });
    let after = expect_once(&stage, &message.id, &worker);
    assert_eq!(told(&after, "succeeded")[0]["data"], told(&before, "succeeded")[0]["data"]);
    assert_eq!(told(&after, "started").len(), 1, "{after:?}");
    assert_eq!(proxy.count("PUT"), puts, "storage was not asked");
}

/// The answer was lost, and then the job: the worker that stored it may not say so, and is given it again.
#[test]
fn a_worker_that_lost_a_job_while_it_stored_says_nothing_and_the_next_hand_over_finds_it() {
    let (stage, proxy) = behind_a_proxy();
    let input = stage.put("input", "some bytes");
    let gate = Gate::default();
    proxy.next_method("PUT", Fault::DropResponse);
    proxy.next_method("PUT", Fault::Hold(gate.clone()));
    let worker = stage.worker();
    let job = stage.submit(&input, &stage.target("output"), &COPY);
    gate.wait_for_request();
    assert!(stage.storage.exists(&stage.output, "output"), "stored, and only storage knows");
    cut_connections(&stage);
    let reports = expect_once(&stage, &job, &worker);
    gate.open();
    let success = &told(&reports, "succeeded")[0];
    assert!(worker.stderr().contains("gave the job up"), "{}", worker.stderr());
    assert_eq!(
        (&success["data"]["stored"], &success["redelivery"]),
        (&"found".into(), &1.into()),
        "{success:#}"
    );
    assert_eq!(told(&reports, "started").len(), 1, "it was not begun again: {reports:?}");
}

/// The first worker stands still with the job half stored; the second one cannot know, does it, and wins.
#[test]
fn of_two_workers_with_the_same_job_one_stores_it_and_the_other_ends_quietly() {
    let (stage, proxy) = behind_a_proxy();
    let input = stage.put("input", "some bytes");
    let gate = Gate::default();
    proxy.next_method("PUT", Fault::Hold(gate.clone()));
    let first = stage.worker();
    let job = stage.submit(&input, &stage.target("output"), &COPY);
    gate.wait_for_request();
    first.signal(Signal::STOP);
    cut_connections(&stage);
    let second = stage.worker();
    wait_for("the second worker to store it", COMMAND_TIMEOUT, || {
        stage.storage.exists(&stage.output, "output")
    });
    let etag = stage.storage.head(&stage.output, "output").expect("stored").etag;
    gate.open();
    first.signal(Signal::CONT);
    wait_for("the first worker to end it", COMMAND_TIMEOUT, || {
        let said = first.stderr();
        if said.contains("gave the job up") { Ok(()) } else { Err(said) }
    });
    let reports = expect_once(&stage, &job, &second);
    let success = &told(&reports, "succeeded")[0];
    assert_eq!((&success["worker"], &success["data"]["stored"]), (&"worker-1".into(), &"created".into()));
    let started = told(&reports, "started");
    assert_eq!(started.len(), 2, "the second could not know: {reports:?}");
    assert_eq!(started[1]["redelivery"], 1, "and said which hand-over it was: {:#}", started[1]);
    assert_eq!(stage.storage.head(&stage.output, "output").expect("stored").etag, etag, "written once");
}
