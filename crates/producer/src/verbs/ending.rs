//! Waits for jobs to come to their ends: prints each end, shows progress, and sums up for the exit code.
//! Must never come back with 0 while an output is unseen that storage could have been asked about.

use std::time::Duration;

use tokio::time::Instant;

use super::text;
use super::unverified::{Look, Unverified};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::follow::{Change, JobState, Watch};
use crate::progress::Progress;
use crate::verify::Verifier;

/// Waits until every job of the watch has ended and its output was compared, or `timeout` is over.
pub(super) async fn wait(
    context: &mut Context,
    mut watch: Watch,
    verifier: Option<Verifier>,
    timeout: Option<Duration>,
) -> Outcome {
    let total = watch.states().count();
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let progress = Progress::new(!context.globals.no_progress);
    let mut end = Ending { progress, verifier, unverified: Unverified::new(), deadline };
    end.progress.phase("done", total as u64);
    // A watch that was caught up before has told its past already; only open jobs are waited for.
    if watch.is_caught_up() {
        end.meet_past(context, &watch)?;
    }
    while !watch.is_caught_up() || end.left(&watch) > 0 {
        match end.next(&mut watch).await? {
            Step::Change(Change::Moved(state)) => end.progress.moved(&state),
            Step::Change(Change::Ended(state)) => end.meet(context, &watch, &state)?,
            Step::Change(Change::CaughtUp) => end.meet_past(context, &watch)?,
            Step::Look => end.look(context, &mut watch).await?,
            Step::TimedOut => {
                watch.finish().await?;
                return timed_out(context, end.left(&watch), total, timeout);
            }
        }
    }
    watch.finish().await?;
    // Counted now: a job that ended badly may have begun anew since, and ended well.
    let bad = watch.states().filter(|state| !state.is_done()).count();
    match end.unverified.into_failure(total, bad) {
        Some(failure) => Err(failure),
        None if bad == 0 => Ok(()),
        None if total > 1 => {
            Err(Failure::new(Exit::JobFailed, format!("{bad} of {total} jobs did not succeed")))
        }
        None => Err(Failure::silent(Exit::JobFailed)),
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

fn timed_out(context: &mut Context, left: usize, total: usize, timeout: Option<Duration>) -> Outcome {
    context.out.flush()?;
    let seconds = timeout.unwrap_or_default().as_secs_f64();
    let what = format!("{left} of {total} jobs are not done after {seconds} s");
    Err(Failure::new(Exit::Timeout, what)
        .advise("the jobs go on: `valet wait` again, or `valet status` to see where they stand"))
}

/// What is to be done next.
enum Step {
    Change(Change),
    /// An output is to be compared.
    Look,
    TimedOut,
}

/// Jobs on their way from their end to being told.
struct Ending {
    progress: Progress,
    verifier: Option<Verifier>,
    unverified: Unverified,
    deadline: Option<Instant>,
}

impl Ending {
    /// Jobs that have not ended, or whose outputs were not compared.
    fn left(&self, watch: &Watch) -> usize {
        // One that began anew while its output waited is both.
        (watch.open() + self.unverified.len()).min(watch.states().count())
    }

    async fn next(&self, watch: &mut Watch) -> Outcome<Step> {
        tokio::select! {
            biased;
            () = until(self.deadline) => Ok(Step::TimedOut),
            () = until(self.unverified.due()) => Ok(Step::Look),
            change = next_or_fail(watch) => change.map(Step::Change),
        }
    }

    /// Meets the ends of the past, and shows what runs.
    fn meet_past(&mut self, context: &mut Context, watch: &Watch) -> Outcome {
        for state in watch.ended() {
            self.meet(context, watch, state)?;
        }
        watch.running().for_each(|state| self.progress.moved(state));
        Ok(())
    }

    /// Meets the end of a job: storage is asked before an output counts.
    fn meet(&mut self, context: &mut Context, watch: &Watch, state: &JobState) -> Outcome {
        if self.verifier.is_some() && state.to_verify().is_some() {
            self.unverified.push(state.key());
            return Ok(());
        }
        self.tell(context, watch, state)
    }

    /// Compares one output that waits for it, and tells its job's end.
    async fn look(&mut self, context: &mut Context, watch: &mut Watch) -> Outcome {
        let (Some(verifier), Some(job)) = (&self.verifier, self.unverified.next()) else { return Ok(()) };
        // A job that has begun anew meanwhile is met again at its next end.
        let Some(mut state) = watch.state(&job).cloned() else { return Ok(()) };
        let Some(output) = state.to_verify() else { return Ok(()) };
        let is_last = watch.open() == 0;
        match self.unverified.look(verifier, (job, &output.blob), is_last, self.deadline).await {
            Look::Sight(sight) => watch.judge(&mut state, &sight).await?,
            Look::Never => {}
            Look::Later => return Ok(()),
        }
        self.tell(context, watch, &state)
    }

    fn tell(&mut self, context: &mut Context, watch: &Watch, state: &JobState) -> Outcome {
        self.progress.ended(state);
        self.progress.at((watch.states().count() - self.left(watch)) as u64);
        self.progress.aside(|| {
            context.out.value(state, text::state)?;
            context.out.flush()
        })
    }
}

/// Waits for this time; for ever without one.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
