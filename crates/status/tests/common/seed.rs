//! Fills a store with made-up jobs through its own door, to measure it: for tests and the example `seed` alone.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use valet_protocol::{Accepted, BlobText, Failed, JobId, Lane, Priority, Reason, Report, ReportData};
use valet_protocol::{ShortText, Stored, Submitted, Success, TagText, Timings};

use valet_status::{Message, StatusError, Store};

/// Jobs in one transaction.
const BATCH: u64 = 2_000;
/// The log that the made-up reports are of.
const LOG: &str = "made up";

/// Writes `jobs` made-up jobs, one a second up to `end`: of every hundred two failed, one runs, one waits, the
/// rest succeeded; in ten lanes, with two tags each. The same number gives the same jobs.
pub(crate) async fn fill(store: &Store, jobs: u64, end: Timestamp) -> Result<(), StatusError> {
    let mut offset = store.place(LOG).await?.map_or(0, |place| place.next);
    let mut number = 0;
    while number < jobs {
        let batch: Vec<(u64, Message)> = (number..jobs.min(number + BATCH))
            .flat_map(|number| made_up(number, end - SignedDuration::from_secs((jobs - number) as i64)))
            .zip(offset..)
            .map(|(report, offset)| (offset, Message::Report(Box::new(report))))
            .collect();
        offset += batch.len() as u64;
        store.feed(LOG, &batch).await?;
        number += BATCH;
    }
    Ok(())
}

/// The id of the made-up job of this number, submitted at `time`.
fn id(number: u64, time: Timestamp) -> Option<JobId> {
    let milliseconds = u64::try_from(time.as_millisecond()).ok()?;
    let text = format!(
        "{:08x}-{:04x}-7{:03x}-8{:03x}-{:012x}",
        milliseconds >> 16,
        milliseconds & 0xffff,
        number & 0xfff,
        (number >> 12) & 0xfff,
        number
    );
    text.parse().ok()
}

fn made_up(number: u64, time: Timestamp) -> Vec<Report> {
    let lane = format!("lane-{}", number % 10).parse::<Lane>();
    let (Some(id), Ok(lane)) = (id(number, time), lane) else { return Vec::new() };
    let told = |(seconds, data): (i64, ReportData)| Report {
        job: id,
        lane: lane.clone(),
        attempt: 1,
        redelivery: 0,
        worker: "worker-1".into(),
        time: time + SignedDuration::from_secs(seconds),
        data,
    };
    let mut all = vec![(0, ReportData::Submitted(Box::new(submitted(number, time))))];
    if !number.is_multiple_of(100) {
        all.push((1, ReportData::Accepted(Accepted::default())));
    }
    match number % 100 {
        0 | 1 => {}
        2 | 3 => all.push((60, failure())),
        _ => all.push((60, success(number))),
    }
    all.into_iter().map(told).collect()
}

fn submitted(number: u64, time: Timestamp) -> Submitted {
    let tag = |name: &str, value: String| (ShortText::from(name), TagText::from(value));
    Submitted {
        preset: "h264-720p".into(),
        version: 1,
        input: BlobText::from(format!("studio/raw/season-{}/episode-{number:07}.mov", number % 50)),
        output: target(number),
        tags: BTreeMap::from([tag("title", number.to_string()), tag("season", (number % 50).to_string())]),
        priority: Priority::Normal,
        submitted_at: time,
        not_after: time + SignedDuration::from_hours(4),
        wall_seconds: 3_600,
        remints: 0,
    }
}

fn target(number: u64) -> BlobText {
    BlobText::from(format!("studio/done/season-{}/episode-{number:07}.mp4", number % 50))
}

fn failure() -> ReportData {
    ReportData::Failed(Failed {
        reason: Reason::NotMedia,
        detail: "the file has no stream that a picture can be made of".into(),
        advice: Reason::NotMedia.advice().into(),
    })
}

fn success(number: u64) -> ReportData {
    ReportData::Succeeded(Box::new(Success {
        stored: Stored::Created,
        output: target(number),
        content_type: "video/mp4".into(),
        input_bytes: 50_000_000 + number,
        output_bytes: Some(5_000_000 + number),
        sha256: Some(format!("{number:064x}").into()),
        md5: Some("1B2M2Y8AsgTpgAmY7PhCfg==".into()),
        media: None,
        timings: Timings { total_ms: 59_000, ..Timings::default() },
        codec_version: "ffmpeg 7.1".into(),
        jail: Some("L1".into()),
    }))
}
