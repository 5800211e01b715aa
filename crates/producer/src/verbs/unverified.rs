//! Ended jobs whose outputs are to be compared with storage, one after another. While storage does not answer they
//! wait, and are tried again. Must never let a job pass as done whose output nobody could look at.

use std::collections::VecDeque;
use std::pin::pin;

use tokio::time::Instant;
use valet_protocol::JobKey;
use valet_status::Sight;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::pauses::Pauses;
use crate::storage::StorageFailure;
use crate::verify::Verifier;

/// Jobs that wait for storage's word.
pub(super) struct Unverified {
    jobs: VecDeque<JobKey>,
    pauses: Pauses,
    due: Instant,
    given_up: u64,
    failure: Option<StorageFailure>,
    /// Storage was given up, and who is left need not wait for it one by one.
    is_silent: bool,
}

/// What came of a look at one job's output.
pub(super) enum Look {
    /// Storage has spoken.
    Sight(Sight),
    /// No answer; it is tried again later.
    Later,
    /// It was refused, or not answered too often. Nobody will look any more.
    Never,
}

impl Unverified {
    /// None yet.
    pub(super) fn new() -> Self {
        let (jobs, pauses) = (VecDeque::new(), Pauses::default());
        Self { jobs, pauses, due: Instant::now(), given_up: 0, failure: None, is_silent: false }
    }

    /// Adds a job that has ended.
    pub(super) fn push(&mut self, job: JobKey) {
        self.jobs.push_back(job);
    }

    /// How many jobs wait.
    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// When to look next; never while no job waits.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.jobs.is_empty()).then_some(self.due)
    }

    /// Takes the job that is next.
    pub(super) fn next(&mut self) -> Option<JobKey> {
        self.jobs.pop_front()
    }

    /// Looks at the output of a job that was next. `is_last`: nothing else is waited for, so giving up is an end.
    /// When `deadline` comes first, the job waits again.
    pub(super) async fn look(
        &mut self,
        verifier: &Verifier,
        (job, blob): (JobKey, &str),
        is_last: bool,
        deadline: Option<Instant>,
    ) -> Look {
        if is_last && self.is_silent {
            self.given_up += 1;
            return Look::Never;
        }
        let looked = pin!(verifier.look(blob));
        let looked = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, looked).await,
            None => Ok(looked.await),
        };
        match looked {
            Ok(Ok(sight)) => {
                self.pauses.succeed();
                (self.due, self.is_silent) = (Instant::now(), false);
                Look::Sight(sight)
            }
            Ok(Err(error)) => self.fail(job, error, is_last),
            Err(_) => {
                self.jobs.push_front(job);
                Look::Later
            }
        }
    }

    fn fail(&mut self, job: JobKey, error: StorageFailure, is_last: bool) -> Look {
        // A refusal is storage's answer: asked again, it says the same.
        let may_pass = error.exit() == Exit::Unavailable;
        if may_pass && !(is_last && self.pauses.are_enough()) {
            if !self.pauses.is_failing() {
                tracing::warn!(%job, error = %error, "an output could not be compared; later again");
            }
            self.due = Instant::now() + self.pauses.fail();
            self.jobs.push_back(job);
            return Look::Later;
        }
        tracing::warn!(%job, error = %error, "an output could not be compared");
        self.given_up += 1;
        (self.failure, self.is_silent) = (Some(error), may_pass);
        Look::Never
    }

    /// The failure that a command ends with if outputs stayed unseen: of `total` jobs, of which `bad` did not succeed.
    pub(super) fn into_failure(self, total: usize, bad: usize) -> Option<Failure> {
        let (count, error) = (self.given_up, self.failure?);
        let what = format!("the outputs of {count} of {total} jobs could not be compared with storage");
        let failure = Failure::new(error.exit(), what).because(&error).advise(error.advice());
        Some(if bad > 0 {
            failure.because(format!("{bad} of {total} jobs did not succeed"))
        } else {
            failure
        })
    }
}
