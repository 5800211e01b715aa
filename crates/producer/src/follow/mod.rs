//! What became of jobs. A [`Ledger`] is the status store and the log of reports that it is fed from; a [`Feed`]
//! reads the log on into the store; a [`Watch`] follows the jobs that one run is about.

mod feed;
mod jobs;
mod ledger;
mod place;
mod watch;

pub use feed::Feed;
pub use ledger::{Ledger, store_failure};
pub use valet_status::{JobRecord as JobState, State as Phase, StoredOutput};
pub use watch::{Change, Watch};
