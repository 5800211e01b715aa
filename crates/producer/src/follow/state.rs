//! Folds one job's reports, in the order of the log, into where the job stands.
//! Must never call a job done that a report does not call done.

use jiff::Timestamp;
use serde::Serialize;
use valet_protocol::{JobId, Report, ReportData, Stored};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// No worker has said anything about it: it waits in a queue, or does not exist.
    Unseen,
    /// A worker has it.
    Running,
    /// An attempt failed and another one follows.
    Retrying,
    /// The output is stored.
    Succeeded,
    /// It cannot succeed.
    Failed,
    /// Its grants died before the work was done.
    Expired,
    /// It is a dead letter.
    Dead,
    /// Somebody cancelled it.
    Cancelled,
}

impl Phase {
    /// Nothing follows unless somebody asks for it.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Unseen | Self::Running | Self::Retrying)
    }

    /// The word for tables and filters.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unseen => "unseen",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    /// Every phase.
    pub const ALL: [Self; 8] = [
        Self::Unseen,
        Self::Running,
        Self::Retrying,
        Self::Succeeded,
        Self::Failed,
        Self::Expired,
        Self::Dead,
        Self::Cancelled,
    ];
}

/// One job as its reports tell it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobState {
    /// The job.
    pub id: JobId,
    /// Where it stands.
    pub state: Phase,
    /// The attempt of the last report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The worker of the last report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// The time of the last report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lane: Option<String>,
    /// `name@version` of the preset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// What is being done: `fetch`, `codec`, `check`, `store`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doing: Option<String>,
    /// 0 to 100 of the work, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// Seconds of media per second of work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Size of the input in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_bytes: Option<u64>,
    /// Which walls stand around the codec: `L1` or `L2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jail: Option<String>,
    /// What was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<StoredOutput>,
    /// The stable code of why it did not succeed (yet).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// The output of a job that succeeded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoredOutput {
    /// `account/container/blob`.
    pub blob: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Content type.
    pub content_type: String,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// MD5 in base64.
    pub md5: String,
    /// Whether the write was confirmed (`created`), or must be verified (`exists-after-own-attempt`).
    pub stored: Stored,
    /// Milliseconds of the attempt, without the queue.
    pub total_ms: u64,
    /// Duration of the media in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// Whether somebody with the right to read has compared the stored blob with this report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
}

impl JobState {
    /// A job of which nothing was heard.
    pub fn unseen(id: JobId) -> Self {
        Self {
            id,
            state: Phase::Unseen,
            attempt: None,
            worker: None,
            time: None,
            lane: None,
            preset: None,
            doing: None,
            percent: None,
            speed: None,
            input_bytes: None,
            jail: None,
            output: None,
            reason: None,
            detail: None,
            advice: None,
        }
    }

    /// Takes one report in. The last report counts, but success is never taken back: a redelivery after it
    /// can only find the output in place.
    pub fn apply(&mut self, report: &Report) {
        if self.state == Phase::Succeeded {
            return;
        }
        self.attempt = Some(report.attempt);
        self.worker = Some(report.worker.to_string());
        self.time = Some(report.time);
        self.lane = Some(report.lane.to_string());
        match &report.data {
            ReportData::Submitted(_) | ReportData::Reminted(_) => {}
            ReportData::Accepted(_) => self.run("accepted"),
            ReportData::Started(started) => {
                self.run("start");
                self.preset = Some(format!("{}@{}", started.preset, started.version));
                self.input_bytes = Some(started.input_bytes);
                self.jail = started.jail.as_ref().map(ToString::to_string);
            }
            ReportData::Progress(progress) => {
                self.state = Phase::Running;
                self.doing = Some(progress.phase.to_string());
                (self.percent, self.speed) = (progress.percent, progress.speed);
            }
            ReportData::Succeeded(success) => self.succeed(success),
            ReportData::Failed(failed) => {
                self.end(Phase::Failed, failed.reason, failed.detail.to_string());
                self.advice = Some(failed.advice.to_string());
            }
            ReportData::Retrying(retrying) => {
                self.end(Phase::Retrying, retrying.reason, retrying.detail.to_string());
                self.advice = None;
            }
            ReportData::Expired(expired) => {
                self.end(Phase::Expired, expired.reason, expired.detail.to_string());
            }
            // The failure before it says more than the fact that the message is a dead letter now.
            ReportData::Dead(_) if self.state == Phase::Failed => {}
            ReportData::Dead(dead) => self.end(Phase::Dead, dead.reason, dead.detail.to_string()),
            ReportData::Cancelled(cancelled) => {
                self.end(Phase::Cancelled, valet_protocol::Reason::Cancelled, cancelled.detail.to_string());
            }
        }
    }

    fn run(&mut self, doing: &str) {
        self.state = Phase::Running;
        self.doing = Some(doing.to_owned());
        (self.percent, self.speed) = (None, None);
        (self.reason, self.detail, self.advice) = (None, None, None);
    }

    fn end(&mut self, state: Phase, reason: valet_protocol::Reason, detail: String) {
        self.state = state;
        (self.doing, self.percent, self.speed) = (None, None, None);
        self.reason = Some(reason.to_string());
        self.detail = Some(detail).filter(|detail| !detail.is_empty());
        self.advice = Some(reason.advice().to_owned());
    }

    fn succeed(&mut self, success: &valet_protocol::Success) {
        self.state = Phase::Succeeded;
        (self.doing, self.percent, self.speed) = (None, None, None);
        (self.reason, self.detail, self.advice) = (None, None, None);
        self.input_bytes = Some(success.input_bytes);
        self.jail = success.jail.as_ref().map(ToString::to_string);
        self.output = Some(StoredOutput {
            blob: success.output.to_string(),
            bytes: success.output_bytes.unwrap_or_default(),
            content_type: success.content_type.to_string(),
            sha256: success.sha256.as_ref().map(ToString::to_string).unwrap_or_default(),
            md5: success.md5.as_ref().map(ToString::to_string).unwrap_or_default(),
            stored: success.stored,
            total_ms: success.timings.total_ms,
            duration_seconds: success.media.as_ref().and_then(|media| media.duration_seconds),
            verified: None,
        });
    }
}
