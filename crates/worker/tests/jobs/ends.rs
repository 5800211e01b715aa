//! Ends that are not the job's own: workers that die with it, a broker that gives up on it, a worker that must go.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use valet_broker::topology::TopologyOptions;
use valet_grant::GrantUrl;
use valet_protocol::{Dead, Grants, JobMessage, Reason, Report, ReportData, ReportKind, Stored};
use valet_testkit::{Broker, Fault, FaultProxy, Gate, wait_for};

use crate::stage::{PATIENCE, Stage, kinds};

/// One loss is survived, the second one is not.
async fn fragile() -> Stage {
    Stage::declared(Broker::shared(), TopologyOptions { delivery_limit: 1, ..TopologyOptions::default() })
        .await
}

/// A copy whose grants lead through a proxy.
pub(crate) fn copy_through(stage: &Stage, proxy: &FaultProxy) -> JobMessage {
    stage.storage.put(&stage.container, "in", b"some bytes");
    let mut job = stage.job("copy", "in", "out");
    let through = |url: &GrantUrl| GrantUrl::new(proxy.url(url.expose_url()));
    let (input, output) = job.grants.urls().unwrap();
    job.grants = Grants::Open { input: through(input), output: through(output) };
    job
}

fn dead(reports: &[Report]) -> &Dead {
    match &reports.last().unwrap().data {
        ReportData::Dead(dead) => dead,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn wait_for_depth(stage: &Stage, queue: &str, depth: u64) {
    wait_for(&format!("{depth} messages in {queue}"), PATIENCE, || match stage.vhost.queue_depth(queue) {
        Some(found) if found == depth => Ok(()),
        _ => Err(stage.vhost.queue_depths()),
    });
}

/// Two workers, one after the other, each killed while its request of this method is held.
fn kill_two_workers(stage: &mut Stage, proxy: &FaultProxy, method: &str) {
    for _ in 0..2 {
        let gate = Gate::default();
        proxy.next_method(method, Fault::Hold(gate.clone()));
        let worker = stage.worker(&[]);
        gate.wait_for_request();
        worker.kill();
        gate.open();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_ends_every_worker_is_buried_and_said_to_be_lost() {
    let mut stage = fragile().await;
    let proxy = FaultProxy::start(stage.storage.address());
    let job = copy_through(&stage, &proxy);
    stage.submit(&job).await;
    kill_two_workers(&mut stage, &proxy, "HEAD");
    let worker = stage.worker(&[("VALET_WORKER_NAME", "undertaker")]);
    let reports = stage.reports(job.id, &worker).await;
    let told = dead(&reports);
    assert_eq!(told.reason, Reason::WorkerLost);
    assert!(told.detail.as_str().contains("2 times"), "{told:?}");
    assert_eq!(reports.last().unwrap().worker.as_str(), "undertaker");
    wait_for_depth(&stage, "dead", 1);
    assert!(!stage.storage.exists(&stage.container, "out"));
}

/// Both workers died before they could say that it was stored. Nobody encodes again, and nobody buries it.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_stored_before_its_workers_died_has_succeeded() {
    let mut stage = fragile().await;
    let proxy = FaultProxy::start(stage.storage.address());
    let job = copy_through(&stage, &proxy);
    proxy.next_method("PUT", Fault::DropResponse);
    stage.submit(&job).await;
    kill_two_workers(&mut stage, &proxy, "PUT");
    let worker = stage.worker(&[]);
    let reports = stage.reports(job.id, &worker).await;
    let ReportData::Succeeded(success) = &reports.last().unwrap().data else {
        panic!("{:?}", kinds(&reports))
    };
    assert_eq!((success.stored, success.output_bytes), (Stored::Found, None));
    let started = kinds(&reports).iter().filter(|kind| **kind == ReportKind::Started).count();
    assert_eq!(started, 1);
    wait_for_depth(&stage, "jobs.ended", 0);
    wait_for_depth(&stage, "dead", 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_job_and_was_ended_by_the_broker_is_a_dead_letter_with_its_reason() {
    let mut stage = Stage::set().await;
    let id = stage.job("copy", "a", "b").id;
    stage.submit_expiring(&id.to_string(), b"{ this is not JSON").await;
    let worker = stage.worker(&[]);
    let reports = stage.reports(id, &worker).await;
    let ReportData::Failed(failed) = &reports.last().unwrap().data else { panic!("{reports:?}") };
    assert_eq!(failed.reason, Reason::BadJson);
    wait_for_depth(&stage, "dead", 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_for_storage_is_heard_of_every_ten_seconds() {
    let mut stage = Stage::set().await;
    let proxy = FaultProxy::start(stage.storage.address());
    let job = copy_through(&stage, &proxy);
    let gate = Gate::default();
    proxy.next_method("HEAD", Fault::Hold(gate.clone()));
    let worker = stage.worker(&[]);
    stage.submit(&job).await;
    let beats = Cell::new(0);
    let second = |report: &Report| {
        beats.set(beats.get() + u32::from(report.kind() == ReportKind::Progress));
        beats.get() == 2
    };
    let reports = stage.reports_until(job.id, &worker, second).await;
    gate.open();
    assert_eq!(kinds(&reports), [ReportKind::Accepted], "nothing else was to be told");
    for pair in reports.windows(2) {
        let silence = pair[1].time.duration_since(pair[0].time).as_millis();
        assert!(silence <= 10_000, "{silence} ms");
    }
    let rest = stage.reports(job.id, &worker).await;
    assert_eq!(rest.last().map(Report::kind), Some(ReportKind::Succeeded));
}

/// Up to RabbitMQ 4.2 a hand-back counts like a loss; one more would bury the job.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_hand_back_that_the_broker_permits_is_a_retry() {
    if Broker::shared().version() >= (4, 3) {
        return println!("a hand-back does not count here");
    }
    let mut stage = fragile().await;
    let proxy = FaultProxy::start(stage.storage.address());
    let job = copy_through(&stage, &proxy);
    stage.submit(&job).await;
    for ending in [Signal::KILL, Signal::TERM] {
        let gate = Gate::default();
        proxy.next_method("HEAD", Fault::Hold(gate.clone()));
        let worker = stage.worker(&[("VALET_WORKER_GRACE_SECONDS", "0")]);
        gate.wait_for_request();
        worker.signal(ending);
        worker.wait(PATIENCE);
        gate.open();
        if ending == Signal::TERM {
            let reports =
                stage.reports_until(job.id, &worker, |report| report.kind() == ReportKind::Retrying).await;
            let ReportData::Retrying(told) = &reports.last().unwrap().data else { panic!("{reports:?}") };
            assert_eq!((told.reason, told.next_attempt), (Reason::WorkerLost, 2), "{told:?}");
        }
    }
    wait_for_depth(&stage, "retry.1", 1);
}

/// It was counted enough while it was a job: nothing of that keeps it from being told and filed by the next one.
#[tokio::test(flavor = "multi_thread")]
async fn an_undertaker_that_must_go_gives_back_what_it_has_not_filed() {
    let mut stage = fragile().await;
    let proxy = FaultProxy::start(stage.storage.address());
    let job = copy_through(&stage, &proxy);
    stage.submit(&job).await;
    kill_two_workers(&mut stage, &proxy, "HEAD");
    for _ in 0..2 {
        let gate = Gate::default();
        proxy.next_method("PUT", Fault::Hold(gate.clone()));
        let undertaker = stage.worker(&[("VALET_WORKER_GRACE_SECONDS", "0")]);
        gate.wait_for_request();
        undertaker.signal(Signal::TERM);
        undertaker.wait(PATIENCE);
        gate.open();
        wait_for_depth(&stage, "jobs.ended", 1);
    }
    let worker = stage.worker(&[]);
    let reports = stage.reports_until(job.id, &worker, |report| report.kind() == ReportKind::Dead).await;
    assert_eq!(dead(&reports).reason, Reason::WorkerLost);
    assert!(!kinds(&reports).contains(&ReportKind::Retrying), "{:?}", kinds(&reports));
    wait_for_depth(&stage, "dead", 1);
}

/// Neither the broker nor a job in hand keeps a worker alive that was told twice to go.
#[tokio::test(flavor = "multi_thread")]
async fn heavy_a_second_signal_ends_a_worker_whose_broker_does_not_answer() {
    // For the rest of the process, which dies with this test.
    let broker: &'static Broker = Box::leak(Box::new(Broker::start()));
    let mut stage = Stage::declared(broker, TopologyOptions::default()).await;
    let proxy = FaultProxy::start(stage.storage.address());
    let job = copy_through(&stage, &proxy);
    let gate = Gate::default();
    proxy.next_method("HEAD", Fault::Hold(gate.clone()));
    let worker = stage.worker(&[]);
    stage.submit(&job).await;
    stage.reports_until(job.id, &worker, |report| report.kind() == ReportKind::Accepted).await;
    gate.wait_for_request();
    broker.pause();
    worker.signal(Signal::TERM);
    wait_for("the drain to begin", PATIENCE, || {
        if worker.stderr().contains("draining") { Ok(()) } else { Err(worker.stderr()) }
    });
    let told = Instant::now();
    worker.signal(Signal::TERM);
    worker.wait(PATIENCE);
    let took = told.elapsed();
    println!("gone after {} ms", took.as_millis());
    // Two seconds of its own; the rest is a busy machine's.
    assert!(took < Duration::from_secs(5), "{took:?}\n{}", worker.stderr());
    gate.open();
    broker.resume();
}
