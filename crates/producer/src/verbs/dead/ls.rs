//! `valet dead ls`.

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use valet_broker::{DeadLetter, DeadQueue};
use valet_protocol::Lane;

use super::history::{self, History};
use super::{Queues, dead_failure, open, queue_name};
use crate::config::Needs;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::safe;

/// List dead letters, oldest first
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Which queue
    #[arg(long, value_enum, default_value_t = Queues::Both)]
    queue: Queues,
    /// The most letters to print of each queue
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    limit: usize,
}

/// One letter of the list.
#[derive(Debug, Serialize)]
pub(super) struct Entry<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) lane: Option<Lane>,
    pub(super) queue: &'static str,
    pub(super) reason: &'a str,
    pub(super) detail: Option<&'a str>,
    pub(super) attempt: Option<u32>,
    pub(super) worker: Option<&'a str>,
    pub(super) user: Option<&'a str>,
    pub(super) submitted_at: Option<Timestamp>,
    pub(super) dead_at: Option<Timestamp>,
    /// Who had the job, where nothing else tells it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) history: Vec<history::Attempt>,
}

impl Options {
    pub(super) async fn run(self, mut context: Context) -> Outcome {
        let config = context.config(Needs { broker: true, ..Needs::default() })?;
        let session = config.session().await?;
        let known = History::open(&config, &session, &context).await;
        for queue in self.queue.list() {
            let mut letters = open(&session, *queue).await?;
            for _ in 0..self.limit {
                let Some(letter) = letters.next().await.map_err(|error| dead_failure(&error))? else { break };
                let mut entry = Entry::of(&letter, *queue);
                if history::is_told_in_list(&letter) {
                    entry.history = known.of(&letter).await?;
                }
                context.out.value(&entry, Entry::line)?;
            }
            letters.close().await.map_err(|error| dead_failure(&error))?;
        }
        session.close().await;
        context.out.flush()
    }
}

impl<'a> Entry<'a> {
    pub(super) fn of(letter: &'a DeadLetter, queue: DeadQueue) -> Self {
        Self {
            id: letter.message_id.as_deref(),
            lane: letter.job().map(|job| job.lane),
            queue: queue_name(queue),
            reason: &letter.reason,
            detail: letter.detail.as_deref(),
            attempt: letter.attempt,
            worker: letter.worker.as_deref(),
            user: letter.user_id.as_deref(),
            submitted_at: letter.submitted_at,
            dead_at: letter.dead_at,
            history: Vec::new(),
        }
    }

    fn line(&self) -> String {
        let id = safe(self.id.unwrap_or("(no id)"));
        let lane = self.lane.as_ref().filter(|lane| **lane != Lane::default());
        let id = lane.map_or_else(|| id.clone(), |lane| format!("{lane}/{id}"));
        let detail = self.detail.map(|detail| format!(": {}", safe(detail))).unwrap_or_default();
        let line = format!("{id:<36}  {:<7}  {}{detail}", self.queue, safe(self.reason));
        if self.history.is_empty() { line } else { format!("{line}\n    {}", history::line(&self.history)) }
    }
}
