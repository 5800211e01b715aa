//! What became of jobs, from the log of reports: no store of its own. A job's reports are folded into one
//! [`JobState`]; [`Watch`] follows the states of the jobs that one run is about.

mod state;
mod watch;

pub use state::{JobState, Phase, StoredOutput};
pub use watch::{Change, Watch};
