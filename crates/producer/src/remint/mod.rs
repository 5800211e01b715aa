//! The reminter: takes jobs whose grants died while they waited, and gives them new ones of the same life, under
//! the same id, for the content that was first met.
//!
//! It runs beside the keys, since nothing else may mint; so it trusts no letter. What it grants was granted by the
//! same key before, and is what a producer has reported that it submitted under this id: the same blobs, the same
//! preset, and never more often than that producer and its own ceiling allow. Workers can forge letters, and no such
//! report.
//! Must never let a letter go before what replaces it is confirmed.

mod file;
mod judge;

use jiff::Timestamp;
use valet_broker::DeadLetter;
use valet_protocol::{Cancelled, JobKey, Reason, Report, ReportData};

use crate::submit::{SubmitError, Submitter};

pub use judge::{History, Submission, Verdict};

/// Mints anew for the letters of the queue `expired`.
#[derive(Debug)]
pub struct Reminter {
    submitter: Submitter,
    remints_max: u32,
}

/// What became of one letter, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminted {
    /// The job, if the letter names one.
    pub job: Option<JobKey>,
    /// What was done.
    pub done: Done,
}

/// What was done with a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The job waits again.
    Minted {
        /// Until when a worker may begin it.
        not_after: Timestamp,
        /// How often it may be minted anew again.
        remints_left: u32,
    },
    /// Nothing: it has succeeded, or was minted anew, before.
    LetGo {
        /// Which of the two.
        why: &'static str,
    },
    /// It was cancelled while it waited.
    Cancelled,
    /// It is in `dead` now.
    PutAway {
        /// The code there.
        reason: Reason,
        /// Why.
        detail: String,
    },
}

/// Why a letter stays where it is. Nothing is lost, and the next try may succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemintError {
    /// The broker did not take the message or a report.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The letter could not be put away or removed.
    #[error(transparent)]
    Letter(#[from] valet_broker::DeadError),
}

impl RemintError {
    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Submit(cause) => cause.advice(),
            Self::Letter(cause) => cause.advice().to_owned(),
        }
    }
}

impl Reminter {
    /// Mints with what `submitter` mints with, and at most `remints_max` times for one job.
    pub fn new(submitter: Submitter, remints_max: u32) -> Self {
        Self { submitter, remints_max }
    }

    /// Does with one letter what has to be done. `history` is what is known of its job.
    ///
    /// # Errors
    /// When the broker does not take what must be there before the letter may go; the letter is still there then.
    pub async fn take(&self, letter: DeadLetter, history: &History) -> Result<Reminted, RemintError> {
        let signer = self.submitter.minter().signer();
        let verdict = judge::judge(signer, &letter, history, self.remints_max);
        let job = letter.job();
        let done = match verdict {
            Verdict::LetGo { why } => Done::LetGo { why },
            Verdict::Mint(plan) => match self.submitter.enqueue(&plan).await {
                Ok(enqueued) => Done::Minted { not_after: enqueued.not_after, remints_left: plan.remints },
                // Another try ends the same way, and all the letters behind it would wait for it.
                Err(SubmitError::Prepare(cause)) => {
                    let (reason, detail) = (Reason::GrantRefused, format!("not minted anew: {cause}"));
                    self.put_away(&letter, reason, &detail).await?;
                    Done::PutAway { reason, detail }
                }
                Err(error) => return Err(error.into()),
            },
            Verdict::Cancelled { detail } => {
                let data = ReportData::Cancelled(Cancelled { detail: detail.as_str().into() });
                self.tell(&letter, data).await?;
                Done::Cancelled
            }
            Verdict::PutAway { reason, detail } => {
                self.put_away(&letter, reason, &detail).await?;
                Done::PutAway { reason, detail }
            }
        };
        letter.remove().await?;
        Ok(Reminted { job, done })
    }

    /// Into `dead`, and a report that this was the job's end.
    async fn put_away(&self, letter: &DeadLetter, reason: Reason, detail: &str) -> Result<(), RemintError> {
        let outgoing = file::into_dead(letter, reason, detail, self.submitter.minter().name());
        let id = outgoing.message_id.clone();
        let receipt = self.submitter.publisher().publish(outgoing).await;
        receipt.await.map_err(|cause| SubmitError::Letter { id, cause: Box::new(cause) })?;
        self.tell(letter, judge::ended(letter, reason, detail)).await
    }

    /// Says something about the letter's job, if it names one.
    async fn tell(&self, letter: &DeadLetter, data: ReportData) -> Result<(), RemintError> {
        let Some(JobKey { id: job, lane }) = letter.job() else { return Ok(()) };
        let report = Report {
            job,
            lane,
            attempt: letter.attempt.unwrap_or(1).max(1),
            redelivery: 0,
            worker: self.submitter.minter().name().clone(),
            time: Timestamp::now(),
            data,
        };
        let receipt = self.submitter.report(&report).await;
        receipt.await.map_err(|cause| SubmitError::Report { job, cause: Box::new(cause) })?;
        Ok(())
    }
}
