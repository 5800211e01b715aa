//! A job that fails for want of storage comes again after the declared delays, by the broker's own hand: nobody who
//! works at jobs can put one into a queue.

use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use serde_json::Value;
use valet_testkit::{Broker, Fault, FaultProxy, Process, Storage, wait_for};

use crate::backstage::{channel, connect, kind, wait_for_depth};
use crate::stage::{COMMAND_TIMEOUT, Stage};

const COPY: [&str; 2] = ["--preset", "copy"];

/// Storage says that it will not be back within an attempt.
const BUSY: Fault = Fault::Answer { status: 503, code: "ServerBusy", retry_after_seconds: Some(600) };

#[track_caller]
fn wait_for_report(stage: &Stage<'_>, job: &str, expected: &str, worker: &Process) -> Vec<Value> {
    wait_for(&format!("a report {expected}"), COMMAND_TIMEOUT, || {
        let reports = stage.reports(job);
        if reports.iter().any(|report| kind(report) == expected) {
            Ok(reports)
        } else {
            Err(format!("{reports:?}\n{}", worker.last_lines()))
        }
    })
}

fn time(report: &Value) -> Timestamp {
    report["time"].as_str().and_then(|time| time.parse().ok()).expect("every report has its time")
}

/// Milliseconds from when attempt `number` was told to be followed by another until that one was accepted.
fn waited(reports: &[Value], number: u64) -> i128 {
    let find = |word: &str, attempt: u64| {
        let found = reports.iter().find(|report| kind(report) == word && report["attempt"] == attempt);
        time(found.unwrap_or_else(|| panic!("no {word} of attempt {attempt} in {reports:?}")))
    };
    find("accepted", number + 1).duration_since(find("retrying", number)).as_millis()
}

#[test]
fn two_failing_attempts_are_followed_by_a_third_after_the_declared_delays() {
    let storage = Storage::shared();
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::declared(Broker::shared(), storage, &["--retry-1", "2s", "--retry-2", "4s"]);
    let stage = stage.through(&proxy.url(&storage.endpoint()));
    let worker = stage.worker();
    let input = stage.put("input", "some bytes");
    proxy.next_method("HEAD", BUSY);
    proxy.next_method("HEAD", BUSY);
    let job = stage.submit(&input, &stage.target("output"), &COPY);
    let reports = wait_for_report(&stage, &job, "succeeded", &worker);
    let retries: Vec<&Value> = reports.iter().filter(|report| kind(report) == "retrying").collect();
    let told = |at: usize, field: &str| retries[at]["data"][field].as_u64();
    assert_eq!(retries.len(), 2, "{reports:?}");
    for (at, attempt, delay) in [(0, 1, 2), (1, 2, 4)] {
        assert_eq!(retries[at]["attempt"], attempt);
        assert_eq!(retries[at]["data"]["reason"], "storage-unavailable");
        assert_eq!((told(at, "next_attempt"), told(at, "delay_seconds")), (Some(attempt + 1), Some(delay)));
        let (waited, announced) = (waited(&reports, attempt), i128::from(delay) * 1_000);
        println!("attempt {}: announced {announced} ms, waited {waited} ms", attempt + 1);
        // Two clocks of one machine; and the machine may be busy.
        assert!((announced - 200..announced + 30_000).contains(&waited), "{waited} ms for {announced} ms");
    }
    let end = stage.wait(0, &job);
    assert_eq!((&end["state"], &end["attempt"]), (&"succeeded".into(), &3.into()), "{end:#}");
    assert_eq!(stage.storage.get(&stage.output, "output"), b"some bytes");
    assert!(stage.dead().is_empty(), "{:?}", stage.dead());
}

#[test]
fn a_job_that_fails_in_every_attempt_is_dead_with_the_cause_in_its_letter() {
    let storage = Storage::shared();
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::declared(Broker::shared(), storage, &["--retry-1", "1s", "--retry-2", "1s"]);
    let stage = stage.through(&proxy.url(&storage.endpoint()));
    let worker = stage.worker();
    let input = stage.put("input", "some bytes");
    (0..3).for_each(|_| proxy.next_method("HEAD", BUSY));
    let job = stage.submit(&input, &stage.target("output"), &COPY);
    let reports = wait_for_report(&stage, &job, "dead", &worker);
    let last = reports.last().expect("some");
    assert_eq!((kind(last), &last["data"]["reason"]), ("dead", &"attempts-exhausted".into()), "{last:#}");
    let detail = last["data"]["detail"].as_str().unwrap_or_default();
    assert!(detail.starts_with("storage-unavailable: "), "{detail}");
    let letters = stage.dead();
    assert_eq!((letters.len(), &letters[0]["attempt"]), (1, &3.into()), "{letters:?}");
    assert_eq!(stage.storage.list(&stage.output), Vec::<String>::new());
}

#[test]
fn heavy_a_job_that_waits_for_its_second_attempt_survives_a_restart_of_the_broker() {
    let (broker, storage) = (Broker::start(), Storage::shared());
    let proxy = FaultProxy::start(storage.address());
    let stage =
        Stage::declared(&broker, storage, &["--retry-1", "8s"]).through(&proxy.url(&storage.endpoint()));
    broker.stop();
    broker.restart();
    let worker = stage.worker();
    let input = stage.put("input", "some bytes");
    proxy.next_method("HEAD", BUSY);
    let job = stage.submit(&input, &stage.target("output"), &COPY);
    wait_for_report(&stage, &job, "retrying", &worker);
    broker.kill();
    broker.restart();
    let end = stage.wait(0, &job);
    assert_eq!((&end["state"], &end["attempt"]), (&"succeeded".into(), &2.into()), "{end:#}");
    for queue in ["retry.1", "jobs.r1", "dead"] {
        wait_for_depth(&stage, queue, 0);
    }
}

/// A thief of a worker's login takes jobs, and gives nobody one.
#[tokio::test(flavor = "multi_thread")]
async fn a_workers_login_may_put_nothing_where_jobs_or_orders_come_from() {
    let stage = tokio::task::spawn_blocking(Stage::new).await.expect("a stage");
    let connection = connect(&stage, "worker").await;
    let order = "cancel.01920000-0000-7000-8000-000000000001";
    for (exchange, key) in [
        ("jobs", "r0"),
        ("jobs.dlx0", ""),
        ("", "jobs.r0"),
        ("", "jobs.r1"),
        ("", "jobs.r2"),
        ("", "retry.1"),
        ("", "retry.2"),
        ("", "jobs.ended"),
        ("", "control.log"),
        ("", "topology.log"),
        ("control", order),
        ("amq.topic", order),
    ] {
        let channel = channel(&connection).await;
        let confirms = lapin::options::ConfirmSelectOptions::default();
        channel.confirm_select(confirms).await.expect("a channel that can confirm");
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let sent =
            channel.basic_publish(exchange.into(), key.into(), options, b"{}", BasicProperties::default());
        let refused = match sent.await {
            Ok(confirm) => confirm.await.map(|confirmed| format!("{confirmed:?}")),
            Err(error) => Err(error),
        };
        let error = refused.expect_err(&format!("{exchange:?} {key:?} takes it"));
        assert!(error.to_string().contains("ACCESS_REFUSED"), "{exchange:?} {key:?}: {error}");
    }
}
