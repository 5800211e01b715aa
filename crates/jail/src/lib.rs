//! Kernel walls around one child process: what is inside has one input door, one bounded output file, and nothing
//! else of this machine.
//!
//! ```text
//! worker ── order ──▶ zygote ── fork ──▶ launcher ── clone ──▶ jail, ends in exec of the codec
//!    ▲                                       │                   │
//!    └──── pidfd, doors, exit ◀──────────────┴───────────────────┘
//! ```
//!
//! The only crate with `unsafe`. Zygote and launcher are single-threaded, run before and beside the worker's
//! runtime, and must never see a grant, a login or an environment.

#![allow(unsafe_code, reason = "namespaces, filters and fork have no safe interface; every block says why it is sound")]

pub mod confine;
mod doors;
pub mod explain;
pub mod hostile;
mod jailer;
mod launcher;
mod level;
mod limits;
mod output;
mod root;
mod running;
mod scm;
pub mod seccomp;
mod wire;
mod zygote;

pub use level::{Level, UnknownLevel};
