//! `valet dead drop`: letters that nobody wants again.

use clap::Args;

use super::{Selection, dead_failure, open};
use crate::config::Needs;
use crate::context::Context;
use crate::failure::Outcome;

/// Drop dead letters for good
///
/// Prints the id of each dropped letter. Stored blobs are not touched.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    selection: Selection,
}

impl Options {
    pub(super) async fn run(self, mut context: Context) -> Outcome {
        let names = self.selection.names()?;
        let config = context.config(Needs { broker: true, ..Needs::default() })?;
        let session = config.session().await?;
        let mut chosen = self.selection.chosen(names, &session).await?;
        for queue in self.selection.queue.list() {
            let mut letters = open(&session, *queue).await?;
            while let Some(letter) = letters.next().await.map_err(|error| dead_failure(&error))? {
                if !chosen.takes(&letter) {
                    continue;
                }
                let lane = letter.job().map(|job| job.lane);
                let dropped = serde_json::json!({ "id": letter.message_id, "lane": lane, "dropped": true });
                let id = super::named(&letter);
                letter.remove().await.map_err(|error| dead_failure(&error))?;
                context.out.value(&dropped, |_| format!("{}  dropped", id))?;
            }
            letters.close().await.map_err(|error| dead_failure(&error))?;
        }
        session.close().await;
        context.out.flush()?;
        chosen.all_met()
    }
}
