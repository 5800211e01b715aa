//! What became of each job: the reports of workers and producers folded into one record a job, and a store of
//! these records in SQLite or Postgres.
//!
//! [`JobRecord::apply`] is the fold, pure and the only one. [`Store`] keeps records together with the place in
//! the log of reports up to which they were told, so that any number of readers may feed it at once.
//!
//! Must never reach the broker or storage, and can hold no grant: reports have none.

mod attempt;
mod error;
mod fold;
mod record;
mod serial;
mod state;
mod store;
mod verdict;

pub use attempt::{AttemptRecord, Outcome};
pub use error::StatusError;
pub use record::{End, JobRecord, SILENT_SECONDS, StoredOutput};
pub use state::State;
pub use store::{Fed, Filter, Message, Page, Place, Store, StoreUrl, Text};
pub use verdict::{Sight, StoredFacts, ToVerify};
