//! `valet wait`: wait for jobs that were submitted before.

use clap::Args;
use valet_broker::EventLog;

use super::options::Patience;
use super::{ending, ids};
use crate::config::Needs;
use crate::context::Context;
use crate::failure::Outcome;
use crate::follow::Watch;
use crate::verify::Verifier;

/// Wait until jobs have ended, and print how
///
/// Reads the log of reports from the time in the ids on, so jobs may have ended long ago (as far back as
/// the log is kept: a week). Exit code 1 if any did not succeed, 75 after --timeout.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Job ids, or - to read them from standard input
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    patience: Patience,
}

impl Options {
    pub(crate) async fn run(self, mut context: Context) -> Outcome {
        let job_ids = ids::read(&self.ids)?;
        let config = context.config(Needs { broker: true, ..Needs::default() })?;
        // With the account's key at hand, outputs whose write was not confirmed are verified.
        let verifier = match config.storage {
            Some(_) => Some(Verifier::new(config.minter()?)?),
            None => None,
        };
        let session = config.session().await?;
        let watch = Watch::new(EventLog::replay(&session, ids::start(&job_ids)), job_ids);
        let ended = ending::wait(&mut context, watch, verifier, self.patience.timeout).await;
        session.close().await;
        ended
    }
}
