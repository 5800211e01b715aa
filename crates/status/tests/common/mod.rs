//! Reports made by hand.

pub(crate) mod seed;

use jiff::{SignedDuration, Timestamp};
use valet_protocol::{
    Accepted, Cancelled, Dead, Expired, Failed, JobId, JobKey, Lane, Priority, Progress, Reason, Reminted,
    Report, ReportData, Retrying, Started, Stored, Submitted, Success, Timings,
};

/// A job id, the `number`th.
pub(crate) fn id(number: u32) -> JobId {
    format!("01920000-0000-7000-8000-{number:012x}").parse().expect("a UUIDv7")
}

/// That job of the usual lane.
pub(crate) fn key(number: u32) -> JobKey {
    JobKey::new(Lane::default(), id(number))
}

/// So many seconds after the beginning of a test's time.
pub(crate) fn at(seconds: i64) -> Timestamp {
    "2026-01-01T00:00:00Z".parse::<Timestamp>().expect("a time") + SignedDuration::from_secs(seconds)
}

/// A report of job 1 by `worker`, of hand-over (attempt, redelivery).
pub(crate) fn report(
    seconds: i64,
    worker: &str,
    (attempt, redelivery): (u32, u32),
    data: ReportData,
) -> Report {
    let (job, lane) = (id(1), Lane::default());
    Report { job, lane, attempt, redelivery, worker: worker.into(), time: at(seconds), data }
}

pub(crate) fn submitted(seconds: i64) -> Report {
    let data = Submitted {
        preset: "h264-720p".into(),
        version: 1,
        input: "acct/in/Clip.mov".into(),
        output: "acct/out/clip.mp4".into(),
        tags: [("title".into(), "42".into())].into(),
        priority: Priority::Normal,
        submitted_at: at(seconds),
        not_after: at(seconds + 14_400),
        wall_seconds: 3_600,
        remints: 2,
    };
    report(seconds, "valet", (1, 0), ReportData::Submitted(Box::new(data)))
}

pub(crate) fn accepted() -> ReportData {
    ReportData::Accepted(Accepted::default())
}

pub(crate) fn started() -> ReportData {
    let input_etag = Some("\"0x8D\"".into());
    ReportData::Started(Started {
        preset: "h264-720p".into(),
        version: 1,
        input_bytes: 10,
        input_etag,
        jail: Some("L1".into()),
    })
}

pub(crate) fn progress(sequence: u32) -> ReportData {
    ReportData::Progress(Progress {
        sequence,
        phase: "codec".into(),
        percent: Some(f64::from(sequence)),
        ..Progress::default()
    })
}

pub(crate) fn succeeded(stored: Stored) -> ReportData {
    succeeded_as(stored, "acct/out/clip.mp4")
}

/// A success whose worker says that it stored this blob.
pub(crate) fn succeeded_as(stored: Stored, output: &str) -> ReportData {
    let is_known = stored != Stored::Found;
    ReportData::Succeeded(Box::new(Success {
        stored,
        output: output.into(),
        content_type: "video/mp4".into(),
        input_bytes: 10,
        output_bytes: is_known.then_some(5),
        sha256: is_known.then(|| "ab".into()),
        md5: is_known.then(|| "cd".into()),
        media: None,
        timings: Timings::default(),
        codec_version: "none".into(),
        jail: None,
    }))
}

pub(crate) fn failed(reason: Reason) -> ReportData {
    ReportData::Failed(Failed { reason, detail: "what happened".into(), advice: "what to do".into() })
}

pub(crate) fn retrying() -> ReportData {
    let (reason, detail) = (Reason::StorageUnavailable, "503".into());
    ReportData::Retrying(Retrying { reason, detail, next_attempt: 2, delay_seconds: 30 })
}

pub(crate) fn dead(reason: Reason) -> ReportData {
    ReportData::Dead(Dead { reason, detail: "the broker took it off".into() })
}

pub(crate) fn expired(remints_left: u32) -> ReportData {
    let (reason, detail) = (Reason::GrantExpired, "too late".into());
    ReportData::Expired(Expired { reason, detail, not_after: None, remints_left })
}

pub(crate) fn reminted(remints_left: u32) -> ReportData {
    ReportData::Reminted(Reminted { not_after: at(100_000), remints_left })
}

pub(crate) fn cancelled() -> ReportData {
    ReportData::Cancelled(Cancelled::default())
}
