//! What every daemon of Valet does the same way: logs, a port for health and metrics, stopping in two phases, work
//! that is kept up, and the settings of broker and storage hosts.
//!
//! It must never know what a daemon is for: nothing here takes a job, a message or a grant into its hands.

pub mod flags;
pub mod health;
pub mod keep;
pub mod labels;
pub mod logs;
pub mod settings;
pub mod stop;
