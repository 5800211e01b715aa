//! `valet status`: where jobs stand, and how they got there.

use clap::Args;

use super::{ids, text};
use crate::config::Needs;
use crate::context::Context;
use crate::failure::Outcome;
use crate::follow::Ledger;

/// Show where jobs stand and what happened to them
///
/// Answers from the status store, which is first brought up to date from the log of reports (unless `valet collect`
/// keeps it so). Every attempt is listed with its worker and its end. A job that is `unseen` was never enqueued
/// here, or its reports are older than store and log.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Job ids, or - to read them from standard input
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    in_lane: ids::InLane,
}

impl Options {
    pub(crate) async fn run(self, mut context: Context) -> Outcome {
        let names = self.in_lane.read(&self.ids)?;
        let config = context.config(Needs { broker: true, ..Needs::default() })?;
        let ledger = Ledger::open(&config).await?;
        let stale = ledger.refresh(&config).await?;
        let jobs = ids::resolve(&ledger, &names).await?;
        for state in ledger.states(&jobs).await? {
            context.out.value(&state, text::story)?;
        }
        context.out.flush()?;
        stale.map_or(Ok(()), Err)
    }
}
