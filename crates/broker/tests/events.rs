//! Reports can be replayed from any place, and the reader knows when it has caught up.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use jiff::{SignedDuration, Timestamp};
use std::{pin::pin, time::Duration};
use support::{PATIENCE, Site, eventually};
use tokio::{sync::watch, time::timeout};
use valet_broker::{EventLog, EventsError, LogItem, Outgoing, Purpose, Session, Start, topology::Role};
use valet_protocol::{Accepted, JobId, Lane, Report, ReportData, WorkerName};

fn report(number: u32) -> Report {
    Report {
        job: JobId::from_uuid(uuid::Uuid::now_v7()).expect("a version 7 id"),
        lane: Lane::default(),
        attempt: number + 1,
        redelivery: 0,
        worker: WorkerName::from("test-worker"),
        time: Timestamp::now(),
        data: ReportData::Accepted(Accepted {}),
    }
}

async fn tell(worker: &Session, numbers: std::ops::Range<u32>) {
    let publisher = worker.publisher();
    let mut receipts = Vec::new();
    for number in numbers {
        let report = report(number);
        let event = report.to_event();
        let mut message = Outgoing::new("events", report.routing_key(), report.id(), &event.body);
        message.content_type = Some(event.content_type);
        message.headers = event.headers;
        receipts.push(publisher.publish(message).await);
    }
    for receipt in receipts {
        receipt.await.expect("reports are confirmed");
    }
}

/// Attempts (which number the reports here) until caught up.
async fn until_caught_up(log: &mut EventLog) -> Vec<u32> {
    let mut attempts = Vec::new();
    loop {
        match timeout(PATIENCE, log.next()).await.expect("the log goes on").expect("the log can be read") {
            LogItem::Report { report, .. } => attempts.push(report.attempt),
            LogItem::Mark { .. } => {}
            LogItem::CaughtUp => return attempts,
            other => panic!("{other:?}"),
        }
    }
}

async fn next_attempt(log: &mut EventLog) -> u32 {
    loop {
        match timeout(PATIENCE, log.next()).await.expect("the log goes on").expect("the log can be read") {
            LogItem::Report { report, .. } => return report.attempt,
            LogItem::Mark { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_gives_everything_once_and_then_follows() {
    let site = Site::shared().await;
    let (worker, producer) = (site.worker().await, site.producer().await);
    tell(&worker, 0..1000).await;
    let mut log = EventLog::replay(&producer, Start::First);
    assert_eq!(until_caught_up(&mut log).await, (1..=1000).collect::<Vec<_>>());
    tell(&worker, 1000..1001).await;
    assert_eq!(next_attempt(&mut log).await, 1001);
    // A second reader sees the same.
    let mut other = EventLog::replay(&producer, Start::Offset(990));
    assert_eq!(until_caught_up(&mut other).await, (991..=1001).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn next_is_attached_before_it_says_so() {
    let site = Site::shared().await;
    let (worker, producer) = (site.worker().await, site.producer().await);
    for number in 0..3 {
        // On an empty log, and on one that has reports already.
        let mut log = EventLog::replay(&producer, Start::Next);
        assert_eq!(until_caught_up(&mut log).await, Vec::<u32>::new());
        tell(&worker, number..number + 1).await;
        assert_eq!(next_attempt(&mut log).await, number + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_confirmed_right_before_a_replay_is_in_it() {
    let site = Site::shared().await;
    let worker = site.worker().await;
    let reader = Session::connect(site.config(Role::Producer), Purpose::Reader).await.expect("it connects");
    for number in 0..30 {
        tell(&worker, number..number + 1).await;
        let mut log = EventLog::replay(&reader, Start::First);
        assert_eq!(until_caught_up(&mut log).await, (1..=number + 1).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_comes_late_is_not_taken_for_an_empty_one() {
    let site = Site::shared().await;
    let worker = site.worker().await;
    tell(&worker, 0..300).await;
    let (free, is_free) = watch::channel(false);
    let held = site.config_held(Role::Producer, is_free).await;
    let reader = Session::connect(held, Purpose::Reader).await.expect("it connects");
    let mut log = EventLog::replay(&reader, Start::First);
    let mut read = pin!(until_caught_up(&mut log));
    // The reader's own mark is in the log by then, and seconds have passed in silence.
    let marked = eventually("300 reports and a mark in the log", async || {
        let depth = site.vhost.queue_depth("events.log");
        (depth == Some(301)).then_some(()).ok_or_else(|| format!("{depth:?}"))
    });
    tokio::select! {
        attempts = &mut read => panic!("taken for read, though nothing has come: {attempts:?}"),
        () = marked => { free.send_replace(true); }
    };
    assert_eq!(read.await, (1..=300).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_may_write_nothing_reads_to_the_end_all_the_same() {
    let site = Site::shared().await;
    let worker = site.worker().await;
    let login = format!("{}/{}", site.vhost.name(), site.names.of(Role::Producer));
    let rights = serde_json::json!({ "configure": "^$", "write": "^$", "read": "^events\\.log$" });
    site.broker.api("PUT", &format!("/api/permissions/{login}"), Some(rights));
    let reader = Session::connect(site.config(Role::Producer), Purpose::Reader).await.expect("it connects");
    for number in 0..3 {
        // On an empty log, and on one that has reports already.
        let mut log = EventLog::replay(&reader, Start::First);
        assert_eq!(until_caught_up(&mut log).await, (1..=number).collect::<Vec<_>>());
        tell(&worker, number..number + 1).await;
        assert_eq!(next_attempt(&mut log).await, number + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_from_behind_the_end_says_that_nothing_is_there() {
    let site = Site::shared().await;
    let (worker, producer) = (site.worker().await, site.producer().await);
    tell(&worker, 0..5).await;
    let mut log = EventLog::replay(&producer, Start::Offset(1000));
    assert_eq!(until_caught_up(&mut log).await, Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_can_start_at_a_time() {
    let site = Site::shared().await;
    let (worker, producer) = (site.worker().await, site.producer().await);
    tell(&worker, 0..5).await;
    let hour = SignedDuration::from_hours(1);
    let mut past = EventLog::replay(&producer, Start::Since(Timestamp::now() - hour));
    assert_eq!(until_caught_up(&mut past).await, (1..=5).collect::<Vec<_>>());
    let mut future = EventLog::replay(&producer, Start::Since(Timestamp::now() + hour));
    assert_eq!(until_caught_up(&mut future).await, Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_report_is_named_and_skipped() {
    let site = Site::shared().await;
    let (worker, producer) = (site.worker().await, site.producer().await);
    let key = report(0).routing_key();
    worker.publisher().publish(Outgoing::new("events", key, "m", b"?")).await.await.unwrap();
    tell(&worker, 1..2).await;
    let mut log = EventLog::replay(&producer, Start::First);
    let first = timeout(PATIENCE, log.next()).await.unwrap().unwrap();
    assert!(
        matches!(&first, LogItem::Malformed { offset: 0, problem } if problem.contains("cloudEvents")),
        "{first:?}"
    );
    assert_eq!(until_caught_up(&mut log).await, vec![2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_under_a_key_that_is_not_its_own_is_not_believed() {
    let site = Site::shared().await;
    let (worker, producer) = (site.worker().await, site.producer().await);
    // A worker's login may file "started", and says "accepted" under it; so with "submitted".
    let report = report(0);
    let key = report.routing_key().replace("accepted", "started");
    let event = report.to_event();
    let mut message = Outgoing::new("events", key, report.id(), &event.body);
    message.content_type = Some(event.content_type);
    message.headers = event.headers;
    worker.publisher().publish(message).await.await.unwrap();
    let mut log = EventLog::replay(&producer, Start::First);
    let first = timeout(PATIENCE, log.next()).await.unwrap().unwrap();
    assert!(
        matches!(&first, LogItem::Malformed { problem, .. } if problem.contains("routing key")),
        "{first:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_skips_and_repeats_nothing() {
    let site = Site::shared().await;
    let (worker, producer) = (site.worker().await, site.producer().await);
    tell(&worker, 0..10).await;
    let mut log = EventLog::replay(&producer, Start::First);
    assert_eq!(until_caught_up(&mut log).await.len(), 10);
    eventually("the connections are listed", async || match site.broker.close_connections(&site.vhost) {
        0 => Err("none yet"),
        _ => Ok(()),
    })
    .await;
    tell(&worker, 10..20).await;
    for number in 11..=20 {
        assert_eq!(next_attempt(&mut log).await, number);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_wait_loses_no_report() {
    let site = Site::shared().await;
    let (worker, producer) = (site.worker().await, site.producer().await);
    tell(&worker, 0..300).await;
    let mut log = EventLog::replay(&producer, Start::First);
    let mut seen = Vec::new();
    while seen.len() < 300 {
        match timeout(Duration::from_micros(fastrand::u64(0..800)), log.next()).await {
            Ok(Ok(LogItem::Report { report, .. })) => seen.push(report.attempt),
            Ok(Ok(LogItem::CaughtUp | LogItem::Mark { .. })) | Err(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, (1..=300).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_not_read_the_log() {
    let site = Site::shared().await;
    let worker = site.worker().await;
    let refused = EventLog::replay(&worker, Start::First).next().await;
    assert!(matches!(refused, Err(EventsError::Denied { .. })), "{refused:?}");
}
