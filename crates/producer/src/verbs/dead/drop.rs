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
        let mut chosen = self.selection.chosen()?;
        let config = context.config(Needs { broker: true, ..Needs::default() })?;
        let session = config.session().await?;
        for queue in self.selection.queue.list() {
            let mut letters = open(&session, *queue).await?;
            while let Some(letter) = letters.next().await.map_err(|error| dead_failure(&error))? {
                if !chosen.takes(&letter) {
                    continue;
                }
                let dropped = serde_json::json!({ "id": letter.message_id, "dropped": true });
                let id = letter.message_id.clone().unwrap_or_else(|| "(no id)".to_owned());
                letter.remove().await.map_err(|error| dead_failure(&error))?;
                context.out.value(&dropped, |_| format!("{}  dropped", crate::output::safe(&id)))?;
            }
            letters.close().await.map_err(|error| dead_failure(&error))?;
        }
        session.close().await;
        context.out.flush()?;
        chosen.all_met()
    }
}
