//! The worker daemon: consume, admit, open, transcode, check, store, report, settle.
//!
//! ```text
//! run ── slot (× N) ── job ─┬─ admit        preset, grants, limits; no I/O
//!                           ├─ scratch      one private directory per job
//!                           ├─ media ─ codec   ffmpeg and ffprobe, the one place that runs a program
//!                           ├─ reports, progress
//!                           └─ cause ─ disposition   what becomes of a job that did not succeed
//! ```
//!
//! It must never hold a storage key or code that can sign (`keyless` refuses to start beside one), list or read
//! a blob that no grant names, or publish a job. This library exists for the binary and its tests alone.

pub mod admit;
pub mod cause;
pub mod cli;
pub mod codec;
pub mod config;
pub mod disposition;
pub mod door;
pub mod harden;
pub mod job;
pub mod keyless;
pub mod logs;
pub mod media;
pub mod progress;
pub mod reports;
pub mod run;
#[cfg(test)]
mod sample;
pub mod scratch;
pub mod slot;
pub mod stop;
