//! `valet run`: submit and wait.

use clap::Args;

use super::options::{Patience, What};
use super::submit;
use crate::context::Context;
use crate::failure::Outcome;

/// Submit jobs and wait until they have ended
///
/// The same as `valet submit --wait`: prints one line a job when it has ended; exit code 1 if any did not
/// succeed. Interrupting it stops the waiting, not the jobs.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    patience: Patience,
}

impl Options {
    pub(crate) async fn run(self, context: Context) -> Outcome {
        submit::submit_and_wait(context, self.what, self.patience).await
    }
}
