//! From what an attempt left behind to a verdict.

use super::Attempt;
use crate::{End, Level};

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A wall stood.
    Refused {
        /// Which: an errno, the kill list, the door, a limit.
        by: String,
    },
    /// It succeeded, as it is known to at this level.
    Residue {
        /// Why that is borne.
        why: &'static str,
    },
    /// It succeeded: the jail does not hold.
    Succeeded {
        /// What it got.
        what: String,
    },
    /// The attempt itself gave no verdict, which counts as failure.
    Broken {
        /// What was missing.
        why: String,
    },
}

impl Verdict {
    /// Whether the jail held.
    #[must_use]
    pub fn held(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Residue { .. })
    }
}

/// Judges an attempt by its standard output, its end, and whether the door saw a violation.
#[must_use]
pub fn judge(attempt: &Attempt, level: Level, stdout: &str, end: End, door_refused: bool) -> Verdict {
    let _ = (attempt, level, stdout, end, door_refused);
    Verdict::Broken { why: "unfinished".into() }
}
