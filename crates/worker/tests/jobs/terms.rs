//! A topology that is declared anew while a worker runs holds for that worker, too.

use std::time::Duration;

use valet_broker::topology::TopologyOptions;
use valet_protocol::{JobMessage, Reason, Report, ReportData, ReportKind};
use valet_testkit::Broker;

use crate::stage::{Stage, kinds};

/// Five minutes above a wall limit are what an attempt needs besides.
fn for_a_wall_of(seconds: u64) -> TopologyOptions {
    let consumer_timeout = Duration::from_secs(300 + seconds);
    TopologyOptions {
        consumer_timeout,
        node_consumer_timeout: consumer_timeout,
        ..TopologyOptions::default()
    }
}

/// A copy that may take two minutes.
fn two_minutes(stage: &Stage, output: &str) -> JobMessage {
    let mut job = stage.job("copy", "in", output);
    job.limits.wall_seconds = Some(120);
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_worker_takes_longer_jobs_once_the_broker_lends_them_for_longer() {
    let mut stage = Stage::declared(Broker::shared(), for_a_wall_of(60)).await;
    stage.storage.put(&stage.container, "in", b"some bytes");
    let worker = stage.worker(&[]);
    let job = stage.submit(&two_minutes(&stage, "first")).await;
    let reports = stage.reports_until(job, &worker, |report| report.kind() == ReportKind::Retrying).await;
    let Some(ReportData::Retrying(told)) = reports.last().map(|report| &report.data) else {
        panic!("{reports:?}")
    };
    assert_eq!(told.reason, Reason::BrokerUnavailable, "{told:?}");
    stage.declare(&for_a_wall_of(120)).await;
    let job = stage.submit(&two_minutes(&stage, "second")).await;
    let ends = |report: &Report| report.kind() == ReportKind::Retrying || report.kind().is_final();
    let reports = stage.reports_until(job, &worker, ends).await;
    assert_eq!(kinds(&reports).last(), Some(&ReportKind::Succeeded), "{}", worker.last_lines());
}
