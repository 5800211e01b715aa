//! The history of a job's attempts: one entry for each time that the broker gave it to a worker.
//! Must never lose an end that a worker told, nor invent one but `worker-lost` and `superseded`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use valet_protocol::{Reason, Report, ReportData};

/// The most entries kept of one job; the oldest go first. Beyond it, somebody replays a job again and again.
const ATTEMPTS_MAX: usize = 64;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Its worker says that the output is stored.
    Succeeded,
    /// Its worker gave the job up.
    Failed,
    /// Its worker asked for another attempt.
    Retrying,
    /// Its worker found that time does not suffice.
    Expired,
    /// Its worker filed the job as a dead letter.
    Dead,
    /// Its worker was told to stop.
    Cancelled,
    /// Its worker said nothing more, and the job went on or ended without it.
    WorkerLost,
    /// Its worker said nothing more, and another copy of the job had stored the output.
    Superseded,
}

impl Outcome {
    /// The word for tables: `worker-lost`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Retrying => "retrying",
            Self::Expired => "expired",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::WorkerLost => "worker-lost",
            Self::Superseded => "superseded",
        }
    }

    /// Whether nobody told it.
    fn is_inferred(self) -> bool {
        matches!(self, Self::WorkerLost | Self::Superseded)
    }
}

/// One hand-over of the job to a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// The attempt, counted from 1 over all grants of the job.
    pub attempt: u32,
    /// How often the broker had given this attempt out before.
    pub redelivery: u32,
    /// Who had it.
    pub worker: String,
    /// When it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Timestamp>,
    /// When its codec started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When its worker was heard last.
    pub heard_at: Timestamp,
    /// When its worker told its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The last progress report's number.
    #[serde(default)]
    pub sequence: u32,
    /// Which beginning of the job it belongs to.
    #[serde(default)]
    pub round: u32,
}

impl AttemptRecord {
    fn begin(report: &Report, round: u32) -> Self {
        Self {
            attempt: report.attempt,
            redelivery: report.redelivery,
            worker: report.worker.to_string(),
            accepted_at: None,
            started_at: None,
            heard_at: report.time,
            ended_at: None,
            outcome: None,
            reason: None,
            detail: None,
            sequence: 0,
            round,
        }
    }

    /// Attempt and redelivery: the later hand-over is the greater.
    pub(crate) fn key(&self) -> (u32, u32) {
        (self.attempt, self.redelivery)
    }

    /// Whether its worker has told its end.
    pub(crate) fn is_told(&self) -> bool {
        self.outcome.is_some_and(|outcome| !outcome.is_inferred())
    }

    /// Whether this very report was taken in before.
    fn knows(&self, report: &Report) -> bool {
        if self.key() != (report.attempt, report.redelivery) {
            return false;
        }
        match &report.data {
            ReportData::Accepted(_) => self.accepted_at == Some(report.time),
            ReportData::Started(_) => self.started_at == Some(report.time),
            ReportData::Progress(progress) => self.sequence >= progress.sequence,
            ReportData::Succeeded(_) | ReportData::Failed(_) | ReportData::Retrying(_) => {
                self.ended_at == Some(report.time)
            }
            _ => false,
        }
    }

    /// Takes in what the report says of this hand-over.
    fn note(&mut self, report: &Report) {
        self.heard_at = self.heard_at.max(report.time);
        match &report.data {
            ReportData::Accepted(_) => self.accepted_at = Some(report.time),
            ReportData::Started(_) => self.started_at = Some(report.time),
            ReportData::Progress(progress) => self.sequence = self.sequence.max(progress.sequence),
            ReportData::Succeeded(_) => self.end(report, Outcome::Succeeded, None, ""),
            ReportData::Failed(failed) => {
                self.end(report, Outcome::Failed, Some(failed.reason), failed.detail.as_str());
            }
            ReportData::Retrying(again) => {
                self.end(report, Outcome::Retrying, Some(again.reason), again.detail.as_str());
            }
            _ => {}
        }
    }

    pub(crate) fn end(&mut self, report: &Report, outcome: Outcome, reason: Option<Reason>, detail: &str) {
        // A worker may tell an end twice (the same success after a redelivery); the first one is it.
        if self.is_told() {
            return;
        }
        self.ended_at = Some(report.time);
        self.outcome = Some(outcome);
        self.reason = reason;
        self.detail = Some(detail.to_owned()).filter(|detail| !detail.is_empty());
    }
}

/// Whether one of the entries holds this very report already. Progress of an earlier round counts as known only
/// if no later entry has taken the same hand-over's place.
pub(crate) fn knows(attempts: &[AttemptRecord], report: &Report) -> bool {
    match &report.data {
        ReportData::Progress(_) => {
            let key = (report.attempt, report.redelivery);
            attempts.iter().rfind(|entry| entry.key() == key).is_some_and(|entry| entry.knows(report))
        }
        _ => attempts.iter().any(|entry| entry.knows(report)),
    }
}

/// Takes a worker's report into the entry that it belongs to. Tells whether that entry is the job's current
/// hand-over: none of this round is later.
pub(crate) fn note(attempts: &mut Vec<AttemptRecord>, report: &Report, round: u32) -> bool {
    let key = (report.attempt, report.redelivery);
    let found = attempts.iter().rposition(|entry| entry.key() == key);
    // The same hand-over accepted at another time is another one: a replay, or a message that came back whole.
    let is_new = |at: usize| {
        let entry = &attempts[at];
        matches!(report.data, ReportData::Accepted(_))
            && (entry.accepted_at.is_some() || entry.round != round)
    };
    let at = match found {
        Some(at) if !is_new(at) => at,
        _ => insert(attempts, AttemptRecord::begin(report, round)),
    };
    attempts[at].note(report);
    let round_of_entry = attempts[at].round;
    let is_current =
        round_of_entry == round && attempts.iter().all(|entry| entry.round != round || entry.key() <= key);
    if attempts.len() > ATTEMPTS_MAX {
        attempts.remove(0);
    }
    is_current
}

/// Puts an entry into its place by round and key; behind its equals.
fn insert(attempts: &mut Vec<AttemptRecord>, entry: AttemptRecord) -> usize {
    let place = (entry.round, entry.key());
    let at = attempts.iter().rposition(|other| (other.round, other.key()) <= place).map_or(0, |at| at + 1);
    attempts.insert(at, entry);
    at
}

/// Names the fate of hand-overs whose workers fell silent. `open`: the job runs, so its last one may.
pub(crate) fn infer(attempts: &mut [AttemptRecord], open: bool, succeeded: bool) {
    let last = attempts.len().saturating_sub(1);
    for (at, entry) in attempts.iter_mut().enumerate().filter(|(_, entry)| !entry.is_told()) {
        entry.outcome = match (at == last, open, succeeded) {
            (true, true, _) => None,
            (true, false, true) => Some(Outcome::Superseded),
            _ => Some(Outcome::WorkerLost),
        };
    }
}
