//! One job as its reports tell it: everything that `valet status` shows.
//! Must never gain a field that could hold a grant.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use valet_protocol::{JobId, JobKey, Lane, Priority, Reason, Stored, Timings};

use crate::attempt::AttemptRecord;
use crate::serial;
use crate::state::State;

/// A running job of which nothing was heard for longer than this many seconds shows as silent. Workers report
/// every 10 s, so two reports may be late.
pub const SILENT_SECONDS: i64 = 30;

/// One job. Fields that nobody has told are absent, in JSON too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// The job's id, unique in its lane.
    #[serde(with = "serial")]
    pub id: JobId,
    /// Its lane.
    #[serde(default, with = "serial")]
    pub lane: Lane,
    /// Where it stands.
    pub state: State,
    /// The attempt of the last report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The worker of the last report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// The time of the last report, by its sender's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// `name@version` of the preset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// `account/container/blob` of the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_blob: Option<String>,
    /// `account/container/blob` that the output is to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_blob: Option<String>,
    /// The submitter's labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Its turn among jobs that wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// When it was submitted, last if it was more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<Timestamp>,
    /// From when on its grants are of no use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Wall clock limit of an attempt, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_seconds: Option<u32>,
    /// How often new grants may still be minted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remints_left: Option<u32>,
    /// How often new grants may be minted in all, as its producer said when it was submitted last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remints_allowed: Option<u32>,
    /// How often new grants were minted since it was submitted last, as the producer said.
    #[serde(default)]
    pub remints_made: u32,
    /// When new grants were minted last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminted_at: Option<Timestamp>,
    /// What is being done: `accepted`, `start`, `fetch`, `codec`, `finalising`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doing: Option<String>,
    /// 0 to 100 of the work, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// Seconds of media per second of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Seconds without a word of the worker that has it, once they are more than [`SILENT_SECONDS`]. Depends on
    /// the time of asking: [`JobRecord::mark_silence`] sets it, and the store does not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_seconds: Option<i64>,
    /// Size of the input in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_bytes: Option<u64>,
    /// The content that was read first, as its entity tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_etag: Option<String>,
    /// Which walls stand around the codec: `L1` or `L2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jail: Option<String>,
    /// When a codec was started, in the latest attempt that came so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When the job ended, while it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<StoredOutput>,
    /// Why it did not succeed (yet).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// When storage was asked about an output that a worker could not store; once is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<Timestamp>,
    /// How often it began anew: submitted again, replayed, or with new grants.
    #[serde(default)]
    pub round: u32,
    /// Every hand-over to a worker, oldest first; the last 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<AttemptRecord>,
    /// Every end that is not one attempt's own, oldest first; the last 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ends: Vec<End>,
}

/// An end that was told of the job as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// `expired`, `reminting` (expired, and new grants may be minted), `dead` or `cancelled`.
    pub state: State,
    /// The attempt it was told of.
    pub attempt: u32,
    /// When.
    pub time: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// The output of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredOutput {
    /// `account/container/blob`.
    pub blob: String,
    /// Size in bytes, unless it was found and nobody has asked storage yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Content type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// SHA-256 in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// MD5 in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
    /// How the worker knows: its write was confirmed (`created`), its answer was lost
    /// (`exists-after-own-attempt`), or another copy of the job was faster (`found`).
    pub stored: Stored,
    /// The attempt that says so.
    #[serde(default)]
    pub attempt: u32,
    /// Milliseconds of the attempt, without the queue.
    #[serde(default)]
    pub total_ms: u64,
    /// Where the time went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timings: Option<Timings>,
    /// Duration of the media in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// Whether storage was asked, and holds what was reported. Absent: nobody has asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
}

impl JobRecord {
    /// A job of which nothing was heard.
    pub fn unseen(job: JobKey) -> Self {
        Self {
            id: job.id,
            lane: job.lane,
            state: State::Unseen,
            attempt: None,
            worker: None,
            time: None,
            preset: None,
            input_blob: None,
            output_blob: None,
            tags: BTreeMap::new(),
            priority: None,
            submitted_at: None,
            not_after: None,
            wall_seconds: None,
            remints_left: None,
            remints_allowed: None,
            remints_made: 0,
            reminted_at: None,
            doing: None,
            percent: None,
            speed: None,
            silent_seconds: None,
            input_bytes: None,
            input_etag: None,
            jail: None,
            started_at: None,
            ended_at: None,
            output: None,
            reason: None,
            detail: None,
            advice: None,
            looked_at: None,
            round: 0,
            attempts: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// The job that it is of.
    pub fn key(&self) -> JobKey {
        JobKey::new(self.lane.clone(), self.id)
    }

    /// Notes how long a running job has been silent at `now`, if that is longer than [`SILENT_SECONDS`].
    pub fn mark_silence(&mut self, now: Timestamp) {
        let silence = self.time.map(|time| now.duration_since(time));
        let is_running = self.state == State::Running;
        // By milliseconds, as the store's question for silent jobs.
        let is_long = |silence: &SignedDuration| silence.as_millis() > i128::from(SILENT_SECONDS) * 1_000;
        self.silent_seconds = silence.filter(|silence| is_running && is_long(silence)).map(|it| it.as_secs());
    }

    /// Whether it has succeeded and nothing speaks against it.
    pub fn is_done(&self) -> bool {
        self.state == State::Succeeded
    }

    /// When it was submitted: as its producer said, else as its id tells, else when it was first heard of.
    pub fn begun_at(&self) -> Timestamp {
        let by_id = Some(self.id.submitted_at()).filter(|time| *time > Timestamp::UNIX_EPOCH);
        let first = self.attempts.first().and_then(|attempt| attempt.accepted_at);
        self.submitted_at.or(by_id).or(first).or(self.time).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}
