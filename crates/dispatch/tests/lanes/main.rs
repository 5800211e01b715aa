//! The dispatcher as it ships, on a real broker: what reaches the workers, what does not, and that nothing is lost.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a test has nobody to return an error to"
)]

mod refusals;
mod served;
mod site;
mod survival;
