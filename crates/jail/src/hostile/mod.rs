//! Attempts to break out, made from inside a real jail: the worker's self-test at start, and `valet-worker prove`.
//!
//! Each is one function over bare system calls, run in the jail's own process after every filter. An attempt must
//! never do harm where the wall is missing: it looks, and says what it saw.

mod judge;

use serde::{Deserialize, Serialize};

use crate::Level;

pub use judge::{Verdict, judge};

/// Things outside the jail that an attempt tries to reach.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Canaries {
    /// A file with a secret that the jail must not read.
    pub secret_file: String,
    /// A port of the host's loopback where [`GREETING`] is said to whoever connects.
    pub loopback_port: u16,
    /// A listening abstract unix socket, without its leading zero byte.
    pub abstract_socket: String,
    /// A listening unix socket's path.
    pub socket_path: String,
    /// A process that the jail must not touch.
    pub victim_pid: i32,
}

/// What the canaries' listeners say first: whoever reads it got out.
pub const GREETING: &str = "VALET-CANARY";

/// How an attempt ends when the wall stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By itself, with a line.
    Act,
    /// By the processor limit.
    Burn,
    /// By the caller's clock.
    Sleep,
    /// By itself, after more output than anyone may keep.
    Flood,
}

/// One attempt to break out.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it aims at.
    pub group: &'static str,
    /// One line for people: what is tried.
    pub what: &'static str,
    /// Whether the worker tries it at each start.
    pub at_start: bool,
    /// How it ends.
    pub kind: Kind,
    /// A level at which it is known to succeed, and why that is borne.
    pub residue_at: Option<(Level, &'static str)>,
}

/// Every attempt.
pub const ATTEMPTS: &[Attempt] = &[];

/// The attempt of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Attempt> {
    ATTEMPTS.iter().find(|attempt| attempt.name == name)
}

/// Makes one attempt, says on stdout what came of it, and ends the process.
pub(crate) fn run(name: &str, canaries: &Canaries) -> ! {
    let _ = (name, canaries);
    std::process::exit(0)
}
