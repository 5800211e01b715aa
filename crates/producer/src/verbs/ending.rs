//! Waits for jobs to come to their ends: prints each end, shows progress, and sums up for the exit code.

use std::time::Duration;

use tokio::time::Instant;

use super::text;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::follow::{Change, JobState, Watch};
use crate::progress::Progress;
use crate::verify::Verifier;

/// Waits until every job of the watch has ended, or `timeout` is over.
pub(super) async fn wait(
    context: &mut Context,
    mut watch: Watch,
    verifier: Option<Verifier>,
    timeout: Option<Duration>,
) -> Outcome {
    let total = watch.states().count();
    let mut end = Ending { progress: Progress::new(!context.globals.no_progress), verifier };
    end.progress.phase("done", total as u64);
    // A watch that was caught up before has told its past already; only open jobs are waited for.
    if watch.is_caught_up() {
        end.tell_past(context, &mut watch).await?;
    }
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    while !watch.is_caught_up() || watch.open() > 0 {
        match next(&mut watch, deadline).await? {
            Some(Change::Moved(state)) => end.progress.moved(&state),
            Some(Change::Ended(state)) => end.tell(context, &mut watch, *state).await?,
            Some(Change::CaughtUp) => end.tell_past(context, &mut watch).await?,
            None => {
                watch.finish().await?;
                return timed_out(context, &watch, timeout);
            }
        }
    }
    watch.finish().await?;
    // Counted now: a job that ended badly may have begun anew since, and ended well.
    match watch.states().filter(|state| !state.is_done()).count() {
        0 => Ok(()),
        bad if total > 1 => {
            Err(Failure::new(Exit::JobFailed, format!("{bad} of {total} jobs did not succeed")))
        }
        _ => Err(Failure::silent(Exit::JobFailed)),
    }
}

/// The next change, without a limit of time.
pub(super) async fn next_or_fail(watch: &mut Watch) -> Outcome<Change> {
    watch.next().await
}

/// The log of reports cannot be read.
pub(super) fn log_failure(error: &valet_broker::EventsError) -> Failure {
    Failure::from_error(Exit::Unavailable, error).advise(error.advice())
}

/// The next change; `None` when the deadline came first.
async fn next(watch: &mut Watch, deadline: Option<Instant>) -> Outcome<Option<Change>> {
    let Some(deadline) = deadline else { return next_or_fail(watch).await.map(Some) };
    match tokio::time::timeout_at(deadline, next_or_fail(watch)).await {
        Ok(change) => change.map(Some),
        Err(_) => Ok(None),
    }
}

fn timed_out(context: &mut Context, watch: &Watch, timeout: Option<Duration>) -> Outcome {
    context.out.flush()?;
    let seconds = timeout.unwrap_or_default().as_secs_f64();
    let what = format!("{} of {} jobs are not done after {seconds} s", watch.open(), watch.states().count());
    Err(Failure::new(Exit::Timeout, what)
        .advise("the jobs go on: `valet wait` again, or `valet status` to see where they stand"))
}

/// What has ended so far.
struct Ending {
    progress: Progress,
    verifier: Option<Verifier>,
}

impl Ending {
    /// Tells the ends of the past, and shows what runs.
    async fn tell_past(&mut self, context: &mut Context, watch: &mut Watch) -> Outcome {
        let past: Vec<JobState> = watch.ended().cloned().collect();
        for state in past {
            self.tell(context, watch, state).await?;
        }
        watch.running().for_each(|state| self.progress.moved(state));
        Ok(())
    }

    async fn tell(&mut self, context: &mut Context, watch: &mut Watch, mut state: JobState) -> Outcome {
        self.verify(watch, &mut state).await?;
        self.progress.ended(&state);
        self.progress.at((watch.states().count() - watch.open()) as u64);
        self.progress.aside(|| {
            context.out.value(&state, text::state)?;
            context.out.flush()
        })
    }

    /// Storage is asked before an output counts, once for each job.
    async fn verify(&self, watch: &mut Watch, state: &mut JobState) -> Outcome {
        let (Some(verifier), Some(output)) = (&self.verifier, state.to_verify()) else { return Ok(()) };
        match verifier.look(&output.blob).await {
            Ok(sight) => watch.judge(state, &sight).await,
            Err(error) => {
                tracing::warn!(job.id = %state.id, error = %error, "the output could not be verified");
                Ok(())
            }
        }
    }
}
