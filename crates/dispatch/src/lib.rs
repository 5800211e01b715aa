//! The dispatcher daemon: lanes to a judged, fair and bounded feed of jobs.
//!
//! ```text
//! lanes.log ─ lanes ─┬─ feed (× lane × priority) ─ judge ─┬─ refuse   report, dead letter, ack
//!                    │                                    └─ waiting ─ turn ─ forward   publish, confirm, ack
//! events.log ────────┴─ running                            jobs.r0's depth ─ target ┘
//! ```
//!
//! It must never hold a storage key (`valet_settings::keyless` refuses to start beside one), talk to storage, or send
//! on what it has not judged. This library exists for the binary and its tests alone.

pub mod cli;
pub mod config;
pub mod doctor;
pub mod ended;
pub mod hands;
pub mod health;
pub mod metrics;
pub mod queues;
pub mod reign;
pub mod run;
pub mod running;
pub mod target;
pub mod turn;
pub mod words;
