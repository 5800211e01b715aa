//! The producer: mint two grants per job, enqueue, watch, inspect and replay dead letters.
//!
//! The `valet` command is this library with a command line around it. A service that submits jobs itself
//! needs four things of it: [`Planner`] checks requests, [`Spool`] keeps them until all are known to be
//! good, [`JobMinter`] mints and encodes, [`Submitter`] sends with confirms.
//!
//! This is the only crate with authority over storage: it must never be linked into a worker, never send a
//! key anywhere, and never print a grant unless asked for it by `valet grant mint`.

pub mod address;
pub mod batch;
pub mod cli;
pub mod config;
pub mod context;
pub mod exit;
pub mod failure;
pub mod follow;
pub mod hold;
pub mod ids;
pub mod manifest;
pub mod output;
pub mod pattern;
mod pauses;
mod progress;
pub mod remint;
pub mod replay;
mod stop;
pub mod storage;
pub mod submit;
mod telemetry;
pub mod template;
pub mod token;
mod verbs;
pub mod verify;

pub use address::BlobAddress;
pub use batch::{Batch, Defaults, JobPlan, JobRequest, Place, PlanError, Planner, Spool};
pub use submit::{JobMinter, SubmitError, Submitted, Submitter};
