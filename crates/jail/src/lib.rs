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

#![allow(
    unsafe_code,
    reason = "namespaces, filters and fork have no safe interface; every block says why it is sound"
)]

pub mod confine;
mod doors;
mod error;
pub mod explain;
pub mod hostile;
mod identity;
mod ids;
mod jailer;
mod launcher;
mod level;
mod limits;
mod output;
mod root;
mod running;
mod scm;
pub mod seccomp;
mod step;
mod watched;
mod wire;
mod zygote;

pub use doors::Doors;
pub use error::{JailError, StartError};
pub use jailer::{Jailer, Order, Task, ZYGOTE_WORD};
pub use level::{Level, UnknownLevel};
pub use limits::Limits;
pub use output::Output;
pub use root::{Root, RootError};
pub use running::{End, Exit, Jail};
pub use step::Step;
pub use zygote::zygote_main;

/// The output file's descriptor in an L2 jail, as [`Level::output_path`] names it. Nothing else ever has this number.
const OUTPUT_DESCRIPTOR: std::os::fd::RawFd = 3;
