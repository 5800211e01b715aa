//! `valet retry`: jobs that ended badly, once more.

use clap::Args;

use super::dead::replay;
use super::ids::InLane;
use super::options::{Patience, duration};
use crate::context::Context;
use crate::failure::Outcome;

/// Enqueue jobs again that ended badly
///
/// The same as `valet dead replay ID`: new grants, the same id, from what the job's dead letter holds. Mend the
/// cause first; `valet status ID` tells it.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Job ids, or - to read them from standard input
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    in_lane: InLane,
    /// How long the new grants live (default 4h, or the wall limit and 1h)
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    ttl: Option<std::time::Duration>,
    /// Wait until the jobs have ended, and print how
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    patience: Patience,
}

impl Options {
    pub(crate) async fn run(self, context: Context) -> Outcome {
        replay::Options::of_ids(self.ids, self.in_lane, self.ttl, self.wait, self.patience).run(context).await
    }
}
