//! Reports: what a worker says about a job, as CloudEvents 1.0.
//! Must never hold a grant, nor a text without a limit.

mod data;
mod event;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::{JobId, Lane, WorkerName};

pub use data::{
    Accepted, Cancelled, Dead, Expired, Failed, MediaFacts, Progress, Reminted, ReportData, Retrying,
    Started, Stored, Submitted, Success, Timings,
};
pub(crate) use event::CloudEvent;
pub use event::{Event, ReportError};

macro_rules! kinds {
    ($($name:ident $word:literal $meaning:literal;)*) => {
        /// What a report tells.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ReportKind {
            $(#[doc = $meaning] $name,)*
        }

        impl ReportKind {
            /// Every kind, in the order of a job's life.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word in routing keys: `succeeded`.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The CloudEvents type: `valet.job.succeeded`.
            pub fn event_type(self) -> &'static str {
                match self { $(Self::$name => concat!("valet.job.", $word),)* }
            }

            /// What it tells, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

kinds! {
    Submitted "submitted" "The job is on the broker; its producer says so.";
    Accepted "accepted" "A worker has the message, and it is sound.";
    Started "started" "The input is open and the codec starts.";
    Progress "progress" "How far the work is; sent now and then.";
    Succeeded "succeeded" "The output is stored. Final.";
    Failed "failed" "The job cannot succeed; it is not tried again. Final.";
    Retrying "retrying" "This attempt failed; another one follows after a delay.";
    Expired "expired" "The grants or the message ended before the job was done. Final unless remints are left.";
    Reminted "reminted" "The producer has minted new grants; the job waits again.";
    Dead "dead" "The last attempt failed; the message is kept as a dead letter. Final.";
    Cancelled "cancelled" "Somebody cancelled the job; nothing was stored. Final.";
}

impl ReportKind {
    /// Whether no other report of this job follows; of [`Self::Expired`] only [`ReportData::is_final`] knows.
    pub fn is_final(self) -> bool {
        match self {
            Self::Submitted
            | Self::Accepted
            | Self::Started
            | Self::Progress
            | Self::Retrying
            | Self::Reminted => false,
            Self::Succeeded | Self::Failed | Self::Expired | Self::Dead | Self::Cancelled => true,
        }
    }

    /// Whether the producer says it, and not a worker.
    pub fn is_of_producer(self) -> bool {
        matches!(self, Self::Submitted | Self::Reminted)
    }
}

impl fmt::Display for ReportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for ReportKind {
    type Err = ReportError;

    /// From the CloudEvents type.
    fn from_str(event_type: &str) -> Result<Self, ReportError> {
        Self::ALL.iter().copied().find(|kind| kind.event_type() == event_type).ok_or(ReportError::UnknownType)
    }
}

/// One report. `Serialize` writes it as one CloudEvent in JSON format, for `--json` output.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The job it is about.
    pub job: JobId,
    /// The job's lane.
    pub lane: Lane,
    /// The attempt, counted from 1 over all grants of the job.
    pub attempt: u32,
    /// How often the broker has given this attempt out before: 0 the first time.
    pub redelivery: u32,
    /// Who says so.
    pub worker: WorkerName,
    /// When, as the reporter's clock has it.
    pub time: Timestamp,
    /// What it says.
    pub data: ReportData,
}

impl Report {
    /// What it tells.
    pub fn kind(&self) -> ReportKind {
        self.data.kind()
    }

    /// The event's id; equal ids tell the same thing, so a reader counts each once.
    ///
    /// `<job>/succeeded`, since a job succeeds once. On the way `<job>/<attempt>.<redelivery>/<kind>` (without
    /// `.<redelivery>` the first time), and `/<sequence>` after it for progress. Else `<job>/<attempt>/<kind>`.
    pub fn id(&self) -> String {
        let Self { job, attempt, redelivery, .. } = self;
        let hand_over = match redelivery {
            0 => attempt.to_string(),
            again => format!("{attempt}.{again}"),
        };
        match &self.data {
            ReportData::Succeeded(_) => format!("{job}/succeeded"),
            ReportData::Progress(progress) => format!("{job}/{hand_over}/progress/{}", progress.sequence),
            ReportData::Accepted(_) | ReportData::Started(_) => format!("{job}/{hand_over}/{}", self.kind()),
            _ => format!("{job}/{attempt}/{}", self.kind()),
        }
    }

    /// Whether no other report of this job follows, unless somebody submits or replays it.
    pub fn is_final(&self) -> bool {
        self.data.is_final()
    }

    /// The routing key on the exchange `events`: `<lane>.<job id>.<kind>`.
    pub fn routing_key(&self) -> String {
        format!("{}.{}.{}", self.lane, self.job, self.kind())
    }

    /// The CloudEvents source.
    pub fn source(&self) -> String {
        let whose = if self.kind().is_of_producer() { "producers" } else { "workers" };
        format!("/valet/{whose}/{}", self.worker)
    }
}
