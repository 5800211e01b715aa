//! What a message must be like to be taken from its lane. Every message is judged as hostile, and everything that is
//! wrong with it is found at once, in words that its sender can act upon.
//!
//! ```text
//! bytes ─ decode ─┬─ envelope   publisher, lane, priority, what a partner may not ask for
//!                 ├─ work       preset, parameters, limits under the lane's ceilings
//!                 └─ grants     SAS001 to SAS021 under the lane's policy; of a sealed pair its header alone
//! ```
//!
//! This crate must never do I/O, read a clock (`now` is an argument) or hold a key. No finding may show a signature,
//! and no text of a message may appear in one but escaped and cut.

mod envelope;
mod finding;
mod grants;
mod judge;
mod narrow;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
mod work;

pub use finding::{Finding, Rule};
pub use judge::{Policy, Verdict, judge};
