//! Compares every output that nobody has looked at with storage, page by page.
//! Must never let an output that cannot be looked at keep those behind it waiting.

use futures::StreamExt;
use jiff::Timestamp;

use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::follow::{JobState, Ledger, store_failure};
use crate::pauses::Pauses;
use crate::storage::StorageFailure;
use crate::verify::Verifier;

/// Outputs looked at at once.
const LOOKS: usize = 8;
/// Outputs asked for at once from the store.
const PAGE: u32 = 64;

/// A walk through the outputs to compare, oldest first.
#[derive(Debug, Default)]
pub(super) struct Comparing {
    /// The job where the last walk broke off; none: at the beginning.
    after: Option<JobState>,
}

/// What storage left open in one walk.
#[derive(Debug)]
pub(super) struct Unseen {
    jobs: usize,
    /// What it said first, or that it said nothing.
    failure: StorageFailure,
}

impl Comparing {
    /// Looks at each output once, from where the last walk broke off to the newest. It breaks off where storage does
    /// not answer for any of a page.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(super) async fn walk(&mut self, ledger: &Ledger, verifier: &Verifier) -> Outcome<Option<Unseen>> {
        let mut unseen: Option<Unseen> = None;
        loop {
            let jobs = ledger.store().to_verify(PAGE, self.after.as_ref()).await;
            let jobs = jobs.map_err(|error| store_failure(&error))?;
            self.after = jobs.last().cloned();
            if jobs.is_empty() {
                return Ok(unseen);
            }
            let asked = jobs.len();
            let looks = futures::stream::iter(jobs).map(|job| look(ledger, verifier, job));
            let looked: Vec<Outcome<Option<StorageFailure>>> = looks.buffer_unordered(LOOKS).collect().await;
            let mut silent = 0;
            for failure in looked {
                let Some(failure) = failure? else { continue };
                silent += usize::from(failure.exit() == Exit::Unavailable);
                unseen.get_or_insert(Unseen { jobs: 0, failure }).jobs += 1;
            }
            if silent == asked {
                return Ok(unseen);
            }
        }
    }
}

impl Unseen {
    /// Storage's words, for a log.
    pub(super) fn failure(&self) -> &StorageFailure {
        &self.failure
    }

    /// As the failure of a command.
    fn into_failure(self) -> Failure {
        let what = format!("{} outputs or more could not be compared with storage", self.jobs);
        let (error, advice) = (&self.failure, self.failure.advice());
        Failure::new(error.exit(), what).because(error).advise(advice)
    }
}

/// Compares all of them, or ends with what stood in the way: tried again while storage does not answer.
pub(super) async fn compare_all(ledger: &Ledger, verifier: &Verifier) -> Outcome {
    let mut pauses = Pauses::default();
    while let Some(unseen) = Comparing::default().walk(ledger, verifier).await? {
        if unseen.failure.exit() != Exit::Unavailable || pauses.are_enough() {
            return Err(unseen.into_failure());
        }
        tokio::time::sleep(pauses.fail()).await;
    }
    Ok(())
}

/// Looks at one output; storage's refusal, if that is what came.
async fn look(ledger: &Ledger, verifier: &Verifier, job: JobState) -> Outcome<Option<StorageFailure>> {
    let Some(output) = job.to_verify() else { return Ok(None) };
    let sight = match verifier.look(&output.blob).await {
        Ok(sight) => sight,
        Err(error) => {
            tracing::debug!(job.id = %job.id, error = %error, "an output could not be compared");
            return Ok(Some(error));
        }
    };
    let judged = ledger.store().judge(&job.key(), &sight, Timestamp::now()).await;
    if let Some(job) = judged.map_err(|error| store_failure(&error))?.filter(|job| !job.is_done()) {
        let detail = job.detail.as_deref().unwrap_or_default();
        tracing::warn!(job.id = %job.id, state = job.state.word(), detail, "no output to count on");
    }
    Ok(None)
}
