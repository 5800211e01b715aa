//! The states of a job, and their words.
//! Must never change a word: scripts compare them, and the store holds them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nobody has said anything about it: it was never enqueued here, or its reports are still to come.
    Unseen,
    /// It waits for its first worker, or for one with new grants.
    Queued,
    /// A worker has it.
    Running,
    /// An attempt failed and another one follows.
    Retrying,
    /// Its grants ended; new ones are to be minted.
    Reminting,
    /// The output is stored.
    Succeeded,
    /// It cannot succeed.
    Failed,
    /// Its grants ended before the work was done.
    Expired,
    /// It is a dead letter.
    Dead,
    /// Somebody cancelled it.
    Cancelled,
}

/// A text that is no state's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no state of a job")]
pub struct UnknownState;

impl State {
    /// Every state, in the order of a job's life.
    pub const ALL: [Self; 10] = [
        Self::Unseen,
        Self::Queued,
        Self::Running,
        Self::Retrying,
        Self::Reminting,
        Self::Succeeded,
        Self::Failed,
        Self::Expired,
        Self::Dead,
        Self::Cancelled,
    ];

    /// Nothing follows unless somebody asks for it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Expired | Self::Dead | Self::Cancelled)
    }

    /// The word for tables, filters and the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unseen => "unseen",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Reminting => "reminting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    /// Which of two ends that were told of the same attempt counts: the higher one. Success is above all; that
    /// somebody gave the job up says more than how it went wrong, and a failure more than its dead letter.
    pub(crate) fn weight(self) -> u8 {
        match self {
            Self::Succeeded => 5,
            Self::Cancelled => 4,
            Self::Failed => 3,
            Self::Expired => 2,
            Self::Dead => 1,
            _ => 0,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(word: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.word() == word).ok_or(UnknownState)
    }
}
