//! `valet collect`: keeps the status store up to date all the time.
//! Must never stop for storage that does not answer: what cannot be verified now is verified later.

use std::time::Duration;

use clap::Args;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, interval};
use valet_broker::{LinkState, LogItem, Session};

use crate::config::Needs;
use crate::context::Context;
use crate::failure::Outcome;
use crate::follow::{Feed, JobState, Ledger, store_failure};
use crate::stop::Stop;
use crate::verify::Verifier;

/// How often the store is marked as up to date, and looked through for outputs to verify.
const TICK: Duration = Duration::from_secs(1);
/// Outputs looked at at once.
const LOOKS: usize = 8;
/// Outputs asked for at once from the store.
const PAGE: u32 = 64;
/// How long outputs wait after storage did not answer.
const PAUSE: Duration = Duration::from_secs(30);
/// How often old jobs are cleared out, and how many batches of 500 at most.
const CLEAR_OUT_EVERY: SignedDuration = SignedDuration::from_mins(10);
const CLEAR_OUT_BATCHES: u32 = 100;

/// Keep the status store up to date
///
/// Reads the log of reports into the store until it is stopped; `valet list` and `valet status` then answer without
/// the broker, and nothing is missed although the log is kept for a week only. With the storage account's key at
/// hand, every stored output is compared with its report. Jobs that ended longer ago than status.retention_days are
/// cleared out. Several may run at once; one is enough.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Stop once the store is up to date and every output was looked at
    #[arg(long)]
    once: bool,
}

impl Options {
    pub(crate) async fn run(self, context: Context) -> Outcome {
        let config = context.config(Needs { broker: true, ..Needs::default() })?;
        let mut stop = Stop::listen()?;
        let ledger = Ledger::open(&config).await?;
        let verifier = Verifier::of(&config)?;
        let session = config.session().await?;
        let mut feed = Feed::open(&ledger, &session).await?;
        let verifying = verify_always(&ledger, verifier.as_ref());
        let work = async {
            feed.catch_up().await?;
            tracing::info!("the status store is up to date");
            if self.once {
                ledger.clear_out_when_due(SignedDuration::ZERO, CLEAR_OUT_BATCHES).await?;
                return verify(&ledger, verifier.as_ref()).await.map(|_| ());
            }
            tokio::try_join!(follow(&mut feed, &ledger, &session), verifying, clear_out(&ledger)).map(|_| ())
        };
        let ended = tokio::select! {
            ended = work => ended,
            () = stop.asked() => Ok(()),
        };
        // Told to stop in the midst of a batch: the log gives it again.
        session.close().await;
        ledger.store().close().await;
        ended
    }
}

/// Reads on for ever; while the broker is there, the store counts as up to date.
async fn follow(feed: &mut Feed, ledger: &Ledger, session: &Session) -> Outcome {
    let mut tick = interval(TICK);
    let states = session.consume_state();
    loop {
        tokio::select! {
            item = feed.next() => {
                if let LogItem::Malformed { offset, problem } = item? {
                    tracing::warn!(offset, problem, "skipped a message in the event log that is no report");
                }
            }
            _ = tick.tick() => {
                feed.flush().await?;
                if matches!(*states.borrow(), LinkState::Up | LinkState::Blocked { .. }) {
                    let marked = ledger.store().mark_fresh(ledger.log(), Timestamp::now()).await;
                    marked.map_err(|error| store_failure(&error))?;
                }
            }
        }
    }
}

async fn clear_out(ledger: &Ledger) -> Outcome {
    let mut tick = interval(Duration::from_secs(60));
    loop {
        tick.tick().await;
        ledger.clear_out_when_due(CLEAR_OUT_EVERY, CLEAR_OUT_BATCHES).await?;
    }
}

async fn verify_always(ledger: &Ledger, verifier: Option<&Verifier>) -> Outcome {
    let mut tick = interval(TICK);
    let mut silent_until: Option<Instant> = None;
    loop {
        let now = tick.tick().await;
        if silent_until.is_some_and(|until| now < until) {
            continue;
        }
        silent_until = match verify(ledger, verifier).await? {
            true => None,
            false => Some(now + PAUSE),
        };
    }
}

/// Looks at every output that nobody has looked at. `false`: storage did not answer for some.
async fn verify(ledger: &Ledger, verifier: Option<&Verifier>) -> Outcome<bool> {
    let Some(verifier) = verifier else { return Ok(true) };
    loop {
        let jobs = ledger.store().to_verify(PAGE).await.map_err(|error| store_failure(&error))?;
        if jobs.is_empty() {
            return Ok(true);
        }
        let looks = futures::stream::iter(jobs).map(|job| look(ledger, verifier, job)).buffer_unordered(LOOKS);
        let looked: Vec<Outcome<bool>> = looks.collect().await;
        let mut is_answered = true;
        for answered in looked {
            is_answered &= answered?;
        }
        if !is_answered {
            return Ok(false);
        }
    }
}

async fn look(ledger: &Ledger, verifier: &Verifier, job: JobState) -> Outcome<bool> {
    let Some(output) = job.to_verify() else { return Ok(true) };
    match verifier.look(&output.blob).await {
        Ok(sight) => {
            let judged = ledger.store().judge(job.id, &sight, Timestamp::now()).await;
            if let Some(job) = judged.map_err(|error| store_failure(&error))?.filter(|job| !job.is_done()) {
                let detail = job.detail.as_deref().unwrap_or_default();
                tracing::warn!(job.id = %job.id, state = job.state.word(), detail, "no output to count on");
            }
            Ok(true)
        }
        Err(error) => {
            tracing::warn!(job.id = %job.id, error = %error, "an output could not be verified; later again");
            Ok(false)
        }
    }
}
