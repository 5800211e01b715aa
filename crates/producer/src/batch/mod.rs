//! From what a person asks for to jobs that are ready to be minted: requests (arguments, globs, manifests)
//! are planned one by one, checked whole, and kept in a [`Spool`] until all of them are known to be good.
//! Nothing here mints, signs or publishes.

mod bounds;
mod outputs;
mod plan;
mod planner;
mod preset;
mod priority;
mod request;
mod spool;
mod tags;

pub use bounds::{LIMIT_NAMES, LimitError};
pub use plan::{JobPlan, TTL_SECONDS_DEFAULT, TTL_SECONDS_MAX, WAIT_SECONDS_MIN};
pub use planner::{PlanError, Planner};
pub use preset::{Chosen, PresetChoiceError, PresetName};
pub use priority::parse_priority;
pub use request::{Defaults, JobRequest, Place};
pub use spool::{Batch, Plans, Spool};
