//! `valet dead replay`: mint anew and enqueue again, under the same id. Only what this account's key minted
//! before: a worker may write to the queue dead, so a letter alone is no reason to hand out rights.

use std::time::Duration;

use clap::Args;
use valet_broker::{DeadLetter, DeadQueue, EventLog, Session, Start};
use valet_protocol::JobKey;

use super::history::Submissions;
use super::{Selection, dead_failure, open, queue_name};
use crate::config::Needs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::follow::{Change, Watch};
use crate::output::safe;
use crate::replay::{ReplayError, plan_again};
use crate::submit::Submitter;
use crate::verbs::ending;
use crate::verbs::ids::InLane;
use crate::verbs::options::{Patience, duration};
use crate::verify::Verifier;

/// Enqueue dead letters again with new grants
///
/// Both old grants must have been signed with the account's current key; others are refused and stay where
/// they are. Sealed grants cannot be read here: their blobs are those that the producer reported at submit, as the
/// status store knows them. Mend the cause first: the job runs again from its first attempt. A letter is removed only after
/// the broker has confirmed the new message.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    selection: Selection,
    /// How long the new grants live (default 4h, or the wall limit and 1h)
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    ttl: Option<Duration>,
    /// Say what would be enqueued and what would be refused; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Wait until the replayed jobs have ended, and print how
    #[arg(long, conflicts_with = "dry_run")]
    wait: bool,
    #[command(flatten)]
    patience: Patience,
}

impl Options {
    /// The replay of these jobs' letters, wherever they are.
    pub(crate) fn of_ids(ids: Vec<String>, in_lane: InLane, ttl: Option<Duration>, wait: bool, patience: Patience) -> Self {
        Self { selection: Selection::of_ids(ids, in_lane), ttl, dry_run: false, wait, patience }
    }

    pub(crate) async fn run(self, mut context: Context) -> Outcome {
        let names = self.selection.names()?;
        let config = context.config(Needs { broker: true, storage: true, ..Needs::default() })?;
        let minter = config.minter()?;
        let session = config.session().await?;
        let mut chosen = self.selection.chosen(names, &session).await?;
        // Opened first: what the log says of these jobs from before is their old end, and does not count.
        let mut watch = if self.wait { Some(open_watch(&session).await?) } else { None };
        let submitter = Submitter::new(session.clone(), minter.clone());
        let mut known = Submissions::new(&config, &session);
        let mut refused = 0_u64;
        for queue in self.selection.queue.list() {
            let mut letters = open(&session, *queue).await?;
            while let Some(letter) = letters.next().await.map_err(|error| dead_failure(&error))? {
                if !chosen.takes(&letter) {
                    continue;
                }
                match self.replay(&mut context, &submitter, &mut known, letter, *queue).await? {
                    Some(job) => watch.iter_mut().for_each(|watch| watch.add(job.clone())),
                    None => refused += 1,
                }
            }
            letters.close().await.map_err(|error| dead_failure(&error))?;
        }
        context.out.flush()?;
        let ended = match watch {
            Some(watch) => {
                ending::wait(&mut context, watch, Some(Verifier::new(minter)?), self.patience.timeout).await
            }
            None => Ok(()),
        };
        session.close().await;
        chosen.all_met()?;
        match refused {
            0 => ended,
            count => Err(Failure::new(Exit::Data, format!("{count} dead letters were refused"))
                .advise("see each above; drop them with `valet dead drop`, or submit those jobs anew")),
        }
    }

    /// Replays one letter and gives its job; none if it was refused.
    async fn replay(
        &self,
        context: &mut Context,
        submitter: &Submitter,
        known: &mut Submissions<'_>,
        letter: DeadLetter,
        queue: DeadQueue,
    ) -> Outcome<Option<JobKey>> {
        let ttl = self.ttl.map(|ttl| ttl.as_secs());
        let submission = known.submission(&letter).await?;
        let plan = match plan_again(submitter.minter().signer(), &letter, submission.as_ref(), ttl) {
            Ok(plan) => plan,
            Err(error) => {
                complain(context, &letter, &error);
                return Ok(None);
            }
        };
        if !self.dry_run {
            submitter.enqueue(&plan).await?;
            // Confirmed: from here on a crash leaves a duplicate at worst, never a loss.
            letter.remove().await.map_err(|error| dead_failure(&error))?;
        }
        let done = if self.dry_run { "would be replayed" } else { "replayed" };
        let value = serde_json::json!({ "id": plan.id, "lane": plan.lane, "queue": queue_name(queue), "replayed": !self.dry_run,
                                        "input": plan.input, "output": plan.output });
        let text = format!("{}  {done}  {} -> {}", plan.key(), safe(plan.input.as_str()), safe(plan.output.as_str()));
        context.out.value(&value, |_| text)?;
        context.out.flush()?;
        Ok(Some(plan.key()))
    }
}

/// A watch of no job yet, in which only reports from now on count.
async fn open_watch(session: &Session) -> Outcome<Watch> {
    let mut watch = Watch::new(EventLog::replay(session, Start::Next), []);
    while !matches!(ending::next_or_fail(&mut watch).await?, Change::CaughtUp) {}
    Ok(watch)
}

fn complain(context: &Context, letter: &DeadLetter, error: &ReplayError) {
    let failure = Failure::from_error(Exit::Data, error).advise(error.advice());
    let id = super::named(letter);
    if context.globals.json {
        let mut value = failure.to_json();
        value["error"]["id"] = serde_json::json!(letter.message_id);
        eprintln!("{value}");
    } else {
        eprintln!("{id}: {}", failure.to_string().trim_start_matches("valet: "));
    }
}
