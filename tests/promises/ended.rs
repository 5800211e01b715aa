//! What the broker itself ends does not vanish: a job that kills its workers ends as dead with its history, and one
//! whose grants die in the queue ends as expired.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use valet_testkit::{Broker, Fault, FaultProxy, Gate, Storage, wait_for};

use crate::backstage::{kind, wait_for_depth};
use crate::message::{Message, properties};
use crate::stage::{COMMAND_TIMEOUT, Stage};

/// A job is handed out so often before the broker gives up on it: the delivery limit and once more.
const DELIVERIES: usize = 4;

#[test]
fn a_job_that_kills_every_worker_ends_as_dead_with_its_history() {
    let storage = Storage::shared();
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::on(Broker::shared(), storage).through(&proxy.url(&storage.endpoint()));
    let input = stage.put("killer", "some bytes");
    let job = stage.submit(&input, &stage.target("output"), &["--preset", "copy"]);
    for number in 1..=DELIVERIES {
        let gate = Gate::default();
        proxy.next_method("HEAD", Fault::Hold(gate.clone()));
        let worker = stage.worker();
        gate.wait_for_request();
        // A worker does not wait for its report to be out, and this one must have been heard of.
        wait_for_accepted(&stage, &job, number);
        worker.kill();
        gate.open();
    }
    let _undertaker = stage.worker();
    wait_for_depth(&stage, "dead", 1);
    let letters = stage.dead();
    assert_eq!((&letters[0]["id"], &letters[0]["reason"]), (&job.as_str().into(), &"worker-lost".into()));
    let reports = stage.reports(&job);
    let accepted = reports.iter().filter(|report| kind(report) == "accepted").count();
    assert_eq!(accepted, DELIVERIES, "each death is in the history: {reports:#?}");
    assert_eq!(reports.iter().filter(|report| kind(report) == "dead").count(), 1, "{reports:#?}");
    expect_history(&stage, &job);
    for queue in ["jobs.r0", "jobs.ended"] {
        wait_for_depth(&stage, queue, 0);
    }
    assert!(stage.storage.list(&stage.output).is_empty());
}

#[track_caller]
fn wait_for_accepted(stage: &Stage<'_>, job: &str, count: usize) {
    wait_for(&format!("word of hand-over {count}"), COMMAND_TIMEOUT, || {
        let reports = stage.reports(job);
        let accepted = reports.iter().filter(|report| kind(report) == "accepted").count();
        if accepted == count { Ok(()) } else { Err(format!("{reports:#?}")) }
    });
}

/// The letter tells which workers the job has cost, in their order, when, and how.
#[track_caller]
fn expect_history(stage: &Stage<'_>, job: &str) {
    let shown = stage.json(0, &["dead", "show", job]);
    let letter = &shown[0];
    assert_eq!((shown.len(), &letter["reason"]), (1, &json!("worker-lost")), "{letter:#}");
    assert!(letter["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{letter:#}");
    let history = letter["history"].as_array().cloned().unwrap_or_default();
    let told: Vec<_> =
        history.iter().map(|one| (&one["worker"], &one["outcome"], &one["redelivery"])).collect();
    let lost: Vec<[Value; 3]> =
        (0..DELIVERIES).map(|n| [format!("worker-{n}").into(), "worker-lost".into(), n.into()]).collect();
    let expected: Vec<_> = lost.iter().map(|[worker, outcome, number]| (worker, outcome, number)).collect();
    assert_eq!(told, expected, "{letter:#}");
    let times: Vec<Timestamp> = history.iter().map(|one| time(&one["heard_at"])).collect();
    assert!(times.is_sorted(), "{letter:#}");
}

#[track_caller]
fn time(value: &Value) -> Timestamp {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no time"));
    text.parse().unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_job_whose_grants_die_while_nobody_works_is_told_and_filed_once_somebody_does() {
    let stage = Stage::new();
    stage.put("input", "some bytes");
    let not_after = Timestamp::now() + SignedDuration::from_secs(1);
    let message = Message::copy(&stage, "input", "output").with("/not_after", json!(not_after.to_string()));
    let mut properties = properties(&message.id);
    properties["expiration"] = json!("1000");
    stage.publish(message.body.to_string().as_bytes(), properties);
    // The broker alone takes it off its queue, and nothing is told yet.
    wait_for_depth(&stage, "jobs.ended", 1);
    wait_for_depth(&stage, "jobs.r0", 0);
    assert_eq!((stage.reports(&message.id), stage.dead()), (Vec::new(), Vec::new()));
    let _worker = stage.worker();
    let end = stage.wait(1, &message.id);
    assert_eq!((&end["state"], &end["reason"]), (&json!("expired"), &json!("grant-expired")), "{end:#}");
    wait_for_depth(&stage, "dead", 1);
    let letters = stage.dead();
    let letter = &letters[0];
    assert_eq!((letters.len(), &letter["id"]), (1, &json!(message.id)), "{letters:?}");
    assert_eq!(
        (&letter["queue"], &letter["reason"]),
        (&json!("dead"), &json!("grant-expired")),
        "{letter:#}"
    );
    let kinds: Vec<_> = stage.reports(&message.id).iter().map(|report| kind(report).to_owned()).collect();
    assert_eq!(kinds, ["expired"], "nobody took it, and it ended once");
    for queue in ["jobs.r0", "jobs.ended", "expired"] {
        wait_for_depth(&stage, queue, 0);
    }
    assert_eq!(stage.storage.list(&stage.output), [""; 0], "nothing is done for dead grants");
}
