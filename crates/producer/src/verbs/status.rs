//! `valet status`: where jobs stand.

use clap::Args;
use valet_broker::EventLog;

use super::{ending, ids, text};
use crate::config::Needs;
use crate::context::Context;
use crate::failure::Outcome;
use crate::follow::{Change, Watch};

/// Show where jobs stand
///
/// Reads the log of reports once. A job without any report waits in a queue, or was never enqueued.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Job ids, or - to read them from standard input
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

impl Options {
    pub(crate) async fn run(self, mut context: Context) -> Outcome {
        let job_ids = ids::read(&self.ids)?;
        let config = context.config(Needs { broker: true, ..Needs::default() })?;
        let session = config.session().await?;
        let mut watch = Watch::new(EventLog::replay(&session, ids::start(&job_ids)), job_ids.iter().copied());
        while !matches!(ending::next_or_fail(&mut watch).await?, Change::CaughtUp) {}
        session.close().await;
        for state in job_ids.iter().filter_map(|id| watch.state(id)) {
            context.out.value(state, text::state)?;
        }
        context.out.flush()
    }
}
