//! The built worker between a real RabbitMQ and a real Azurite: whole jobs, their ends, and its own.
#![allow(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod copies;
mod ends;
mod stage;
mod terms;

use std::path::Path;

use valet_protocol::{Failed, JobId, Reason, Report, ReportData, ReportKind, Stored, Success};
use valet_testkit::process::family::descendants;
use valet_testkit::{Broker, Process, media, wait_for};

use stage::{PATIENCE, Stage, kinds};

fn success(reports: &[Report]) -> &Success {
    match &reports.last().unwrap().data {
        ReportData::Succeeded(success) => success,
        other => panic!("{other:?}"),
    }
}

fn failure(reports: &[Report]) -> &Failed {
    match &reports.last().unwrap().data {
        ReportData::Failed(failed) => failed,
        other => panic!("{other:?}"),
    }
}

/// The codecs that a worker runs at this moment.
fn codecs(worker: &Process) -> Vec<u32> {
    descendants(worker.id()).into_iter().filter(|id| is_codec(*id)).collect()
}

/// Whether this process lives and is ffmpeg, which the loader of its root started.
fn is_codec(id: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.contains("bin/ffmpeg"))
}

fn one_codec(worker: &Process) -> u32 {
    wait_for("one codec", PATIENCE, || match codecs(worker).as_slice() {
        [only] => Ok(*only),
        other => Err(format!("{other:?}")),
    })
}

fn assert_gone(codec: u32) {
    wait_for("the codec to be gone", PATIENCE, || if is_codec(codec) { Err(codec) } else { Ok(()) });
}

fn assert_empty(scratch: &Path) {
    let left: Vec<_> =
        std::fs::read_dir(scratch).unwrap().filter_map(Result::ok).map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "left in scratch: {left:?}");
}

fn ended_well(worker: &Process) {
    let status = worker.wait(PATIENCE);
    assert_eq!(status.code(), Some(0), "{}", worker.last_lines());
}

/// A job that takes minutes on any machine, running, with its first progress told.
async fn long_job(stage: &mut Stage, worker: &Process) -> JobId {
    stage.storage.put_file(&stage.container, "long.mp4", &media::long_clip(600));
    let job = stage.submit(&stage.job("h265-1080p", "long.mp4", "long-out.mp4")).await;
    let encoding = |report: &Report| matches!(&report.data, ReportData::Progress(progress) if progress.phase.as_str() == "codec");
    stage.reports_until(job, worker, encoding).await;
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_arrives_byte_for_byte_with_its_facts() {
    let mut stage = Stage::set().await;
    let bytes = media::bytes("clip.mp4");
    stage.storage.put(&stage.container, "in.mp4", &bytes);
    let worker = stage.worker(&[("VALET_WORKER_NAME", "w1")]);
    let job = stage.submit(&stage.job("copy", "in.mp4", "out.mp4")).await;
    let reports = stage.reports(job, &worker).await;
    assert_eq!(kinds(&reports), [ReportKind::Accepted, ReportKind::Started, ReportKind::Succeeded]);
    let success = success(&reports);
    assert_eq!((success.stored, success.output_bytes), (Stored::Created, Some(bytes.len() as u64)));
    assert_eq!(stage.storage.get(&stage.container, "out.mp4"), bytes);
    let head = stage.storage.head(&stage.container, "out.mp4").unwrap();
    assert_eq!(head.metadata["job"], job.to_string());
    assert_eq!(Some(head.metadata["sha256"].as_str()), success.sha256.as_ref().map(|text| text.as_str()));
    assert_eq!(head.content_md5.as_deref(), success.md5.as_ref().map(|text| text.as_str()));
    assert_eq!(reports[0].worker.as_str(), "w1");
    worker.terminate(PATIENCE);
    ended_well(&worker);
    assert_empty(stage.scratch.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcode_is_checked_and_told_in_order() {
    let mut stage = Stage::set().await;
    stage.storage.put_file(&stage.container, "in.mp4", &media::path("clip.mp4"));
    let worker = stage.worker(&[("VALET_LOG_FORMAT", "json")]);
    let job = stage.submit(&stage.job("h264-720p", "in.mp4", "out.mp4")).await;
    let reports = stage.reports(job, &worker).await;
    assert_eq!(kinds(&reports), [ReportKind::Accepted, ReportKind::Started, ReportKind::Succeeded]);
    let facts = success(&reports).media.as_ref().unwrap();
    assert_eq!(facts.video_codec.as_ref().unwrap().as_str(), "h264");
    let percents: Vec<f64> = reports
        .iter()
        .filter_map(
            |report| if let ReportData::Progress(progress) = &report.data { progress.percent } else { None },
        )
        .collect();
    assert!(percents.is_sorted() && percents.last().is_some_and(|last| *last == 99.0), "{percents:?}");
    assert_eq!(stage.storage.head(&stage.container, "out.mp4").unwrap().content_type, "video/mp4");
    let log = worker.stderr();
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line));
    assert!(lines.into_iter().any(|line| line["span"]["job.id"] == job.to_string()), "{log}");
    assert!(!log.contains("sig="), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_that_cannot_be_used_end_as_dead_letters_with_a_reason() {
    let mut stage = Stage::set().await;
    stage.storage.put(&stage.container, "text.mp4", b"this is no media, whatever its name says");
    stage.storage.put(&stage.container, "empty.mp4", b"");
    let clip = media::bytes("clip.mp4");
    stage.storage.put(&stage.container, "cut.mp4", &clip[..clip.len() / 2]);
    stage.storage.put(&stage.container, "taken.mp4", b"somebody's");
    stage.storage.put(&stage.container, "in.mp4", &clip);
    let worker = stage.worker(&[]);
    let cases = [
        ("text.mp4", "out.mp4", Reason::NotMedia),
        ("empty.mp4", "out.mp4", Reason::InputEmpty),
        ("cut.mp4", "out.mp4", Reason::InputTruncated),
        ("absent.mp4", "out.mp4", Reason::InputMissing),
        ("in.mp4", "taken.mp4", Reason::OutputExists),
    ];
    for (input, output, reason) in cases {
        let job = stage.submit(&stage.job("thumbnail", input, output)).await;
        let reports = stage.reports(job, &worker).await;
        let failed = failure(&reports);
        assert_eq!(failed.reason, reason, "{input}: {failed:?}");
        assert!(!failed.advice.as_str().is_empty(), "{failed:?}");
    }
    assert!(!stage.storage.exists(&stage.container, "out.mp4"));
    assert_eq!(stage.storage.get(&stage.container, "taken.mp4"), b"somebody's");
    wait_for("dead letters", PATIENCE, || match stage.vhost.queue_depth("dead") {
        Some(5) => Ok(()),
        _ => Err(stage.vhost.queue_depths()),
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_no_job_is_reported_by_its_id() {
    let mut stage = Stage::set().await;
    let worker = stage.worker(&[]);
    let id = stage.job("copy", "a", "b").id;
    stage.submit_bytes(&id.to_string(), b"{ this is not JSON").await;
    let reports = stage.reports(id, &worker).await;
    assert_eq!(failure(&reports).reason, Reason::BadJson);
    stage.submit_bytes("nobody's", b"[]").await;
    wait_for("both dead letters", PATIENCE, || match stage.vhost.queue_depth("dead") {
        Some(2) => Ok(()),
        _ => Err(stage.vhost.queue_depths()),
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_the_job_in_hand_end() {
    let mut stage = Stage::set().await;
    stage.storage.put_file(&stage.container, "in.mp4", &media::long_clip(20));
    let worker = stage.worker(&[]);
    let job = stage.submit(&stage.job("h264-720p", "in.mp4", "out.mp4")).await;
    stage.reports_until(job, &worker, |report| report.kind() == ReportKind::Started).await;
    let next = stage.submit(&stage.job("copy", "in.mp4", "next.mp4")).await;
    worker.signal(rustix::process::Signal::TERM);
    success(&stage.reports(job, &worker).await);
    ended_well(&worker);
    // The one behind it was never started, and waits for another worker.
    assert!(!worker.stderr().contains(&next.to_string()), "{}", worker.stderr());
    wait_for("the next job to be back", PATIENCE, || match stage.vhost.queue_depth("jobs.r0") {
        Some(1) => Ok(()),
        _ => Err(stage.vhost.queue_depths()),
    });
    assert_empty(stage.scratch.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_hands_the_job_back_at_once() {
    let mut stage = Stage::set().await;
    let worker = stage.worker(&[]);
    long_job(&mut stage, &worker).await;
    let codec = one_codec(&worker);
    worker.signal(rustix::process::Signal::TERM);
    wait_for("the drain to begin", PATIENCE, || {
        if worker.stderr().contains("draining") { Ok(()) } else { Err(worker.stderr()) }
    });
    worker.signal(rustix::process::Signal::INT);
    ended_well(&worker);
    assert_gone(codec);
    wait_for("the job to be back", PATIENCE, || match stage.vhost.queue_depth("jobs.r0") {
        Some(1) => Ok(()),
        _ => Err(stage.vhost.queue_depths()),
    });
    assert_empty(stage.scratch.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_leaves_no_codec_and_the_next_one_sweeps_and_finishes() {
    let mut stage = Stage::set().await;
    let worker = stage.worker(&[]);
    let job = long_job(&mut stage, &worker).await;
    let codec = one_codec(&worker);
    worker.kill();
    assert_gone(codec);
    // A second worker takes it over at once, and gives it up again when its wall limit comes.
    let second = stage.worker(&[("VALET_WORKER_WALL_SECONDS_MAX", "2")]);
    let reports = stage.reports(job, &second).await;
    assert_eq!(failure(&reports).reason, Reason::WallLimit);
    assert_eq!(codecs(&second), [0; 0], "it is gone before its end is told");
    second.terminate(PATIENCE);
    assert_empty(stage.scratch.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_the_broker_takes_back_is_given_up_and_taken_anew() {
    let mut stage = Stage::set().await;
    let worker = stage.worker(&[]);
    long_job(&mut stage, &worker).await;
    let first = one_codec(&worker);
    // The broker lists a connection some seconds after it is made, ours perhaps before the worker's.
    wait_for("the worker's connections to be cut", PATIENCE, || {
        let cut = Broker::shared().close_connections(&stage.vhost);
        if worker.stderr().contains("connection lost") { Ok(()) } else { Err(format!("{cut} were listed")) }
    });
    wait_for("the worker to give up, and to take the job again", PATIENCE, || {
        let log = worker.stderr();
        let taken = log.matches("took a job").count();
        if log.contains("gave the job up") && taken == 2 { Ok(()) } else { Err(log) }
    });
    // Only the second run's codec works.
    assert_gone(first);
    one_codec(&worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_only_waiting_ends_at_once() {
    let stage = Stage::set().await;
    let worker = stage.worker(&[("VALET_WORKER_SLOTS", "3")]);
    wait_for("the worker to take jobs", PATIENCE, || {
        if worker.stderr().contains("taking jobs") { Ok(()) } else { Err(worker.last_lines()) }
    });
    worker.signal(rustix::process::Signal::TERM);
    ended_well(&worker);
    assert_empty(stage.scratch.path());
}
