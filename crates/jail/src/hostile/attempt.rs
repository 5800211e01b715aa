//! One attempt as data: its name, what it aims at, and how it is made.

use super::outcome::Outcome;
use super::{Canaries, http};
use crate::Level;

/// How an attempt ends when the wall stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By itself, within moments, with a line on standard output; or by the kill list, or by the door.
    Act,
    /// By the processor limit: it never ends by itself.
    Burn,
    /// By the caller's clock: it never ends by itself.
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
    act: Act,
}

/// How an attempt is made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// By a function.
    Call(fn(&Canaries) -> Outcome),
    /// By asking for a socket of this domain, type and protocol.
    Socket(i32, i32, i32),
    /// By this request to the door: pieces of text, each repeated so many times.
    Request(&'static [(&'static str, usize)]),
}

impl Attempt {
    pub(super) const fn new(group: &'static str, name: &'static str, what: &'static str, act: Act) -> Self {
        Self { name, group, what, at_start: false, kind: Kind::Act, residue_at: None, act }
    }

    /// The same, tried at each start.
    pub(super) const fn at_start(self) -> Self {
        Self { at_start: true, ..self }
    }

    /// The same, with another end.
    pub(super) const fn ends_by(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The same, known to succeed at `level`.
    pub(super) const fn residue(self, level: Level, why: &'static str) -> Self {
        Self { residue_at: Some((level, why)), ..self }
    }

    /// Makes it, here and now.
    pub(super) fn make(&self, canaries: &Canaries) -> Outcome {
        match self.act {
            Act::Call(function) => function(canaries),
            Act::Socket(domain, kind, protocol) => super::network::socket(domain, kind, protocol),
            Act::Request(pieces) => http::request(pieces),
        }
    }
}
