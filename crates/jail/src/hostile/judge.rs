//! From what an attempt left behind to a verdict.

use super::attempt::{Attempt, Kind};
use crate::{End, Level};

/// Most that a reader may keep of the flood's 64 MiB.
pub const FLOOD_KEPT_BYTES_MAX: usize = 1 << 20;

/// What an attempt left behind.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The level of its jail.
    pub level: Level,
    /// What was kept of its standard output.
    pub stdout: &'a str,
    /// How its process ended.
    pub end: End,
    /// Whether the door saw a violation.
    pub door_refused: bool,
    /// Whether the caller's clock ended it.
    pub out_of_time: bool,
}

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
    /// The attempt gave no verdict, which counts as failure.
    Broken {
        /// What there was instead.
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

/// Judges an attempt. A success that it reported counts whatever happened afterwards.
#[must_use]
pub fn judge(attempt: &Attempt, evidence: &Evidence<'_>) -> Verdict {
    if let Some(what) = said(evidence.stdout, "did: ") {
        return match attempt.residue_at {
            Some((level, why)) if level == evidence.level => Verdict::Residue { why },
            _ => Verdict::Succeeded { what: what.to_owned() },
        };
    }
    match attempt.kind {
        Kind::Act => act(evidence),
        Kind::Burn => burn(evidence),
        Kind::Sleep if evidence.out_of_time => refused("the clock"),
        Kind::Flood => flood(evidence),
        Kind::Sleep => no_verdict(evidence),
    }
}

fn act(evidence: &Evidence<'_>) -> Verdict {
    if let Some(by) = said(evidence.stdout, "refused: ") {
        return refused(by);
    }
    match evidence.end {
        End::Signal(libc::SIGSYS) => refused("SIGSYS, the kill list"),
        End::Signal(libc::SIGXFSZ) => refused("SIGXFSZ, the file size limit"),
        // Whoever serves the door kills its jail at the first violation, mostly before the attempt can speak.
        _ if evidence.door_refused => refused("the input door"),
        _ => no_verdict(evidence),
    }
}

fn burn(evidence: &Evidence<'_>) -> Verdict {
    match evidence.end {
        _ if evidence.out_of_time => Verdict::Succeeded { what: "ran beyond its processor time".to_owned() },
        // A pid namespace's first process ignores the soft limit's SIGXCPU; the hard limit is SIGKILL.
        End::Signal(libc::SIGXCPU | libc::SIGKILL) => refused("the processor limit"),
        _ => no_verdict(evidence),
    }
}

fn flood(evidence: &Evidence<'_>) -> Verdict {
    match evidence.stdout.len() {
        0 => no_verdict(evidence),
        kept if kept <= FLOOD_KEPT_BYTES_MAX => refused(&format!("a reader that kept {kept} bytes")),
        kept => Verdict::Succeeded { what: format!("{kept} bytes were kept") },
    }
}

fn no_verdict(evidence: &Evidence<'_>) -> Verdict {
    let broken = said(evidence.stdout, "broken: ").map(str::to_owned);
    let why = broken.unwrap_or_else(|| match (evidence.end, evidence.out_of_time) {
        (_, true) => "it gave no verdict in time".to_owned(),
        (End::Code(code), _) => format!("it ended with {code} and without a verdict"),
        (End::Signal(signal), _) => format!("signal {signal} ended it without a verdict"),
    });
    Verdict::Broken { why }
}

fn refused(by: &str) -> Verdict {
    Verdict::Refused { by: by.to_owned() }
}

/// The rest of the line that begins so.
fn said<'a>(stdout: &'a str, begin: &str) -> Option<&'a str> {
    stdout.lines().find_map(|line| line.strip_prefix(begin))
}
