//! The worker daemon: consume, admit, open, transcode, check, store, report, settle.
//!
//! ```text
//! start ── walls ── prove   the jail, chosen and tested; then the worker's own walls
//! run ─┬─ cancels, undertaker
//!      ├─ fleet                 the keys that open sealed grants
//!      └─ slot (× N) ─ job ─┬─ admit        preset, grants, limits; no I/O
//!                           ├─ scratch      one private directory per job
//!                           ├─ door         the one thing that a codec may read
//!                           ├─ media ─ codec   ffmpeg and ffprobe, each run in a jail of its own
//!                           ├─ reports, progress
//!                           └─ conclude ─ disposition   what becomes of a job, told and settled
//! ```
//!
//! It must never hold a storage key or code that can sign (`valet_settings::keyless` refuses to start beside one),
//! list or read a blob that no grant names, or publish a job. This library exists for the binary and its tests alone.

pub mod admit;
pub mod cancels;
pub mod cause;
pub mod cli;
pub mod codec;
pub mod conclude;
pub mod config;
pub mod disposition;
pub mod door;
pub mod eviction;
pub mod fleet;
pub mod gate;
pub mod harden;
pub mod health;
pub mod hold;
pub mod job;
pub mod media;
pub mod memo;
pub mod metrics;
pub mod progress;
pub mod prove;
pub mod reports;
pub mod run;
#[cfg(test)]
mod sample;
pub mod scratch;
pub mod slot;
pub mod start;
pub mod telemetry;
pub mod terms;
pub mod undertaker;
pub mod unreadable;
pub mod walls;

use valet_daemon::{keep, logs, stop};
