//! `valet wait`: wait for jobs that were submitted before.

use clap::Args;

use super::options::Patience;
use super::{ending, ids};
use crate::config::Needs;
use crate::context::Context;
use crate::failure::Outcome;
use crate::follow::{Feed, Ledger, Watch};
use crate::verify::Verifier;

/// Wait until jobs have ended, and print how
///
/// Jobs may have ended long ago: as far back as the status store knows (90 days, unless status.retention_days says
/// otherwise). With the storage account's key at hand, stored outputs are compared with the reports before they
/// count; while storage does not answer, that is tried again. Exit code 1 if any job did not succeed, 69 if storage
/// did not answer about an output for long (77 if it refused), 75 after --timeout.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Job ids, or - to read them from standard input
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    in_lane: ids::InLane,
    #[command(flatten)]
    patience: Patience,
}

impl Options {
    pub(crate) async fn run(self, mut context: Context) -> Outcome {
        let names = self.in_lane.read(&self.ids)?;
        let config = context.config(Needs { broker: true, ..Needs::default() })?;
        let verifier = Verifier::of(&config)?;
        let ledger = Ledger::open(&config).await?;
        let session = config.reader().await?;
        ledger.sync(&session).await?;
        let jobs = ids::resolve(&ledger, &names).await?;
        let watch = Watch::resume(Feed::open(&ledger, &session).await?, &jobs).await?;
        let ended = ending::wait(&mut context, watch, verifier, self.patience.timeout).await;
        session.close().await;
        ended
    }
}
