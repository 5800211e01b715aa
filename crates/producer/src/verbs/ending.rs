//! Waits for jobs to come to their ends: prints each end, shows progress, and sums up for the exit code.

use std::time::Duration;

use tokio::time::Instant;

use super::text;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::follow::{Change, JobState, Phase, Watch};
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
    let mut end =
        Ending { progress: Progress::new(!context.globals.no_progress), verifier, ended: 0, bad: 0 };
    end.progress.phase("done", total as u64);
    // A watch that was caught up before has told its past already; only open jobs are waited for.
    let past: Vec<JobState> = watch.ended().filter(|_| watch.is_caught_up()).cloned().collect();
    for state in past {
        end.tell(context, state).await?;
    }
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    while !watch.is_caught_up() || watch.open() > 0 {
        match next(&mut watch, deadline).await? {
            Some(Change::Moved(state)) => end.progress.moved(&state),
            Some(Change::Ended(state)) => end.tell(context, *state).await?,
            Some(Change::CaughtUp) => {
                let past: Vec<JobState> = watch.ended().cloned().collect();
                for state in past {
                    end.tell(context, state).await?;
                }
                watch.running().for_each(|state| end.progress.moved(state));
            }
            None => return timed_out(context, &watch, timeout),
        }
    }
    match end.bad {
        0 => Ok(()),
        bad if total > 1 => {
            Err(Failure::new(Exit::JobFailed, format!("{bad} of {total} jobs did not succeed")))
        }
        _ => Err(Failure::silent(Exit::JobFailed)),
    }
}

/// The next change, without a limit of time.
pub(super) async fn next_or_fail(watch: &mut Watch) -> Outcome<Change> {
    watch.next().await.map_err(|error| log_failure(&error))
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
    ended: u64,
    bad: u64,
}

impl Ending {
    async fn tell(&mut self, context: &mut Context, mut state: JobState) -> Outcome {
        self.verify(&mut state).await;
        self.ended += 1;
        let is_own = state.output.as_ref().is_none_or(|output| output.verified != Some(false));
        self.bad += u64::from(state.state != Phase::Succeeded || !is_own);
        self.progress.ended(&state);
        self.progress.at(self.ended);
        self.progress.aside(|| {
            context.out.value(&state, text::state)?;
            context.out.flush()
        })
    }

    /// An output whose write was not confirmed is compared with the report before it counts.
    async fn verify(&self, state: &mut JobState) {
        let (Some(verifier), Some(output)) = (&self.verifier, state.output.clone()) else { return };
        if output.stored == valet_protocol::Stored::Created {
            return;
        }
        match verifier.is_as_reported(state, &output).await {
            Ok(verified) => state.output = Some(crate::follow::StoredOutput { verified, ..output }),
            Err(error) => {
                tracing::warn!(job.id = %state.id, error = %error, "the output could not be verified")
            }
        }
    }
}
