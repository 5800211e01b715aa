//! Why a job did not succeed: one type over all steps of a job, with words for people.
//! It decides nothing; `disposition` does.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use valet_blob::StorageError;
use valet_grant::{Finding, GrantError};
use valet_preset::{Bounds, CheckFailure, Exceeded, FactsError, PresetError};
use valet_protocol::DecodeError;
use valet_seal::OpenError;

use crate::codec::{CodecError, escape, excerpt};
use crate::logs::chain;
use crate::scratch::ScratchError;

/// Why a job did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The message is no job.
    #[error("the message cannot be read")]
    Message(#[source] DecodeError),
    /// Somebody else than the expected logins published it.
    #[error("{}", stranger(.0.as_deref()))]
    Stranger(Option<String>),
    /// The preset or a parameter is not to be had, or does not fit this input.
    #[error("the preset cannot be used")]
    Preset(#[source] PresetError),
    /// One grant is refused.
    #[error("a grant is refused: {}", list(.0.findings()))]
    Grant(GrantError),
    /// Both grants are fine, but not together.
    #[error("the two grants are refused together: {}", list(.0))]
    GrantPair(Vec<Finding>),
    /// The grants are sealed, and do not open.
    #[error(transparent)]
    Sealed(OpenError),
    /// The message itself has ended.
    #[error("the job was of use until {0} only")]
    TooLate(Timestamp),
    /// The broker took the message off a queue because its time was over.
    #[error("the job waited on the broker for longer than its grants allow; it was of use until {0}")]
    EndedInQueue(Timestamp),
    /// The broker gave the job out for the last time, and no worker came to an end with it.
    #[error("{}", lost(*.deliveries))]
    WorkerLost {
        /// How often it was given out, when the broker says so.
        deliveries: Option<u64>,
    },
    /// The worker ends, and if it handed the job back, the broker would give it up.
    #[error("the worker ended before the job did, and the job has come back as often as the broker lets it")]
    HandedBackTooOften,
    /// The attempt as a whole took too long.
    #[error("the attempt was ended after {} s in all, of which the codec may have {} s: transfers were slow", held.as_secs(), wall.as_secs())]
    HeldTooLong {
        /// How long it was held.
        held: Duration,
        /// What its codec may take.
        wall: Duration,
    },
    /// The broker would take the job back before it can be done.
    #[error(
        "the job may run for {wall_seconds} s, but the broker takes a job back after {consumer_timeout_seconds} s"
    )]
    TimeoutTooShort {
        /// The job's wall limit.
        wall_seconds: u64,
        /// The broker's limit.
        consumer_timeout_seconds: u64,
        /// What to change.
        advice: String,
    },
    /// The input has no bytes.
    #[error("the input has no bytes")]
    InputEmpty,
    /// The input is over a limit.
    #[error("the input has {bytes} bytes, the limit is {bytes_max}")]
    InputTooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The input is over a limit of its kind: too long, too large a picture, too many streams.
    #[error("the input is more than it may be: {0}")]
    InputExceeds(Exceeded),
    /// The input ends before its media does.
    #[error("the input is cut off: {said}")]
    InputTruncated {
        /// What ffmpeg or ffprobe said.
        said: String,
    },
    /// The input is nothing that a preset takes.
    #[error("the input is no media: {said}")]
    NotMedia {
        /// What ffprobe said, or what is wrong with its answer.
        said: String,
    },
    /// The output is over a limit, before it was made.
    #[error("the output would have {bytes} bytes, the limit is {bytes_max}")]
    OutputTooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The codec made nothing.
    #[error("the codec ended well, but left no output")]
    OutputMissing,
    /// The codec's result cannot be read.
    #[error("the output cannot be read back: {said}")]
    OutputUnreadable {
        /// What ffprobe said.
        said: String,
    },
    /// The codec's result is not what the preset promises.
    #[error("the output is not what the preset promises")]
    OutputUnfit(#[source] CheckFailure),
    /// Input or output storage.
    #[error(transparent)]
    Storage(Arc<StorageError>),
    /// The scratch directory.
    #[error("scratch")]
    Scratch(#[source] ScratchError),
    /// A file in scratch could not be made, written or read.
    #[error("cannot use a file in scratch")]
    ScratchFile(#[source] std::io::Error),
    /// ffmpeg or ffprobe.
    #[error(transparent)]
    Codec(CodecError),
}

fn stranger(user: Option<&str>) -> String {
    match user {
        Some(user) => format!("login {user:?} published the message, and no jobs are taken from it"),
        None => "the message does not say which login published it (AMQP property user_id)".to_owned(),
    }
}

fn lost(deliveries: Option<u64>) -> String {
    match deliveries {
        Some(times) => format!("the job was given out {times} times, and no worker came to an end with it"),
        None => "the job was given out again and again, and no worker came to an end with it".to_owned(),
    }
}

impl Cause {
    /// A failure of storage.
    #[must_use]
    pub fn storage(error: impl Into<Arc<StorageError>>) -> Self {
        Self::Storage(error.into())
    }

    /// What happened, with every cause behind it, safe on a terminal.
    #[must_use]
    pub fn detail(&self) -> String {
        escape(&chain(self))
    }

    /// What a person should do, when there is more to say than for every job with this reason.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Message(error) => Some(error.advice()),
            Self::Preset(error) => Some(error.advice()),
            Self::Grant(error) => Some(error.advice()),
            Self::GrantPair(findings) => findings.first().map(|finding| finding.advice.clone()),
            Self::OutputUnfit(failure) => Some(failure.advice().to_owned()),
            Self::Storage(error) => Some(error.advice()),
            Self::Scratch(error) => Some(error.advice().to_owned()),
            Self::TimeoutTooShort { advice, .. } => Some(advice.clone()),
            _ => None,
        }
    }

    /// A failed look at the input by ffprobe: mostly the input's fault.
    pub(crate) fn of_input_probe(error: CodecError, bounds: &Bounds) -> Self {
        match error {
            CodecError::Exit { said, .. } if let Some(exceeded) = Exceeded::told(&said, bounds) => {
                Self::InputExceeds(exceeded)
            }
            CodecError::Exit { said, .. } if is_cut_off(&said) => Self::InputTruncated { said },
            CodecError::Exit { said, .. } => Self::NotMedia { said },
            CodecError::Answer { .. } => Self::NotMedia { said: error.to_string() },
            other => Self::of_codec(other),
        }
    }

    /// A failure of the codec that says nothing about what it read or wrote.
    fn of_codec(error: CodecError) -> Self {
        match error {
            CodecError::Storage(error) => Self::Storage(error),
            other => Self::Codec(other),
        }
    }

    /// What ffprobe says about the input is nothing that a preset takes.
    pub(crate) fn of_facts(error: FactsError) -> Self {
        match error {
            FactsError::OverBounds(exceeded) => Self::InputExceeds(exceeded),
            other => Self::NotMedia { said: chain(&other) },
        }
    }

    /// A failed codec run: a damaged input, mostly.
    pub(crate) fn of_encode(error: CodecError, bounds: &Bounds) -> Self {
        match error {
            CodecError::Exit { said, .. } if let Some(exceeded) = Exceeded::told(&said, bounds) => {
                Self::InputExceeds(exceeded)
            }
            CodecError::Exit { said, .. } if is_cut_off(&said) => Self::InputTruncated { said },
            other => Self::of_codec(other),
        }
    }

    /// A failed look at the output by ffprobe.
    pub(crate) fn of_output_probe(error: CodecError) -> Self {
        match error {
            CodecError::Exit { said, .. } => Self::OutputUnreadable { said },
            CodecError::Answer { .. } => Self::OutputUnreadable { said: error.to_string() },
            other => Self::Codec(other),
        }
    }

    /// A result that is not as promised, after a codec run that said `said`.
    pub(crate) fn of_check(failure: CheckFailure, said: &str) -> Self {
        if is_cut_off(said) {
            Self::InputTruncated { said: excerpt(said) }
        } else {
            Self::OutputUnfit(failure)
        }
    }
}

/// Whether ffmpeg complained that its input ends too early. It does not fail on that by itself.
fn is_cut_off(said: &str) -> bool {
    // mov: the index is missing because it is at the end, or the sample data end before the index does;
    // matroska: a cluster ends early.
    ["moov atom not found", "partial file", "File ended prematurely", "Truncating packet"]
        .iter()
        .any(|sign| said.contains(sign))
}

fn list(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
