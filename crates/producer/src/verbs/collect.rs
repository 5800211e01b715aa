//! `valet collect`: keeps the status store up to date all the time.
//! Must never stop for storage or a store that does not answer: what cannot be done now is done later.

use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, interval, sleep};
use valet_broker::{LinkState, LogItem, Session};

use super::comparing::{Comparing, compare_all};
use crate::config::Needs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Outcome;
use crate::follow::{Feed, Ledger, store_failure};
use crate::pauses::Pauses;
use crate::stop::Stop;
use crate::verify::Verifier;

/// How often the store is marked as up to date, and looked through for outputs to verify.
const TICK: Duration = Duration::from_secs(1);
/// Work that went well for so long begins with short pauses again.
const SETTLED: Duration = Duration::from_secs(60);
/// How often old jobs are cleared out, and how many batches of 500 at most.
const CLEAR_OUT_EVERY: SignedDuration = SignedDuration::from_mins(10);
const CLEAR_OUT_BATCHES: u32 = 100;

/// Keep the status store up to date
///
/// Reads the log of reports into the store until it is stopped; `valet list` and `valet status` then answer without
/// the broker, and nothing is missed although the log is kept for a week only. With the storage account's key at
/// hand, every stored output is compared with its report. Jobs that ended longer ago than status.retention_days are
/// cleared out. Several may run at once; one is enough. A status store or storage that does not answer is tried again;
/// with --once, exit code 69 tells that outputs could not be compared (77: that storage refused).
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
        let verifier = verifier.as_ref();
        let work = async {
            // Here failures end it still: settings that are wrong should not look like a pause.
            Feed::open(&ledger, &session).await?.catch_up().await?;
            tracing::info!("the status store is up to date");
            if self.once {
                ledger.clear_out_when_due(SignedDuration::ZERO, CLEAR_OUT_BATCHES).await?;
                return match verifier {
                    Some(verifier) => compare_all(&ledger, verifier).await,
                    None => Ok(()),
                };
            }
            let following = survive("read the log of reports", async || follow(&ledger, &session).await);
            let comparing = survive("compare outputs", async || compare(&ledger, verifier).await);
            let clearing = survive("clear out old jobs", async || clear_out(&ledger).await);
            tokio::try_join!(following, comparing, clearing).map(|_| ())
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
async fn follow(ledger: &Ledger, session: &Session) -> Outcome {
    let mut feed = Feed::open(ledger, session).await?;
    // The store may be far behind after a failure, and must not count as up to date then.
    feed.catch_up().await?;
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

async fn compare(ledger: &Ledger, verifier: Option<&Verifier>) -> Outcome {
    let Some(verifier) = verifier else { return Ok(()) };
    let (mut comparing, mut pauses) = (Comparing::default(), Pauses::default());
    let mut tick = interval(TICK);
    loop {
        tick.tick().await;
        let Some(unseen) = comparing.walk(ledger, verifier).await? else {
            if pauses.is_failing() {
                tracing::info!("every output was compared with storage again");
            }
            pauses.succeed();
            continue;
        };
        // Once, not for each output and each try of a long silence.
        if !pauses.is_failing() {
            tracing::warn!(error = %unseen.failure(), "outputs could not be compared with storage; later again");
        }
        sleep(pauses.fail()).await;
    }
}

/// Does work without an end again whenever store or broker fail it: a database that restarts must not end the
/// collector. What else fails ends it.
async fn survive(what: &'static str, mut work: impl AsyncFnMut() -> Outcome) -> Outcome {
    let mut pauses = Pauses::default();
    loop {
        let begun = Instant::now();
        let Err(failure) = work().await else { return Ok(()) };
        if failure.exit() != Exit::Unavailable {
            return Err(failure);
        }
        if begun.elapsed() > SETTLED {
            pauses.succeed();
        }
        let pause = pauses.fail();
        tracing::warn!(what, error = failure.line(), pause_seconds = pause.as_secs(), "the collector goes on after a pause");
        sleep(pause).await;
    }
}
