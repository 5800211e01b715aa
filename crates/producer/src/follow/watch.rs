//! Follows a set of jobs to their ends. Old reports (a replay of the log) only say where a job stands when
//! the watch begins; a job that failed long ago and was submitted again is waited for.
//! Memory grows with the jobs watched, not with the log.

use jiff::Timestamp;
use valet_broker::{EventLog, LogItem};
use valet_protocol::JobKey;
use valet_status::Sight;

use super::feed::Feed;
use super::jobs::Jobs;
use super::ledger::store_failure;
use super::{JobState, Phase};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// The jobs of one run.
pub struct Watch {
    source: Source,
    jobs: Jobs,
}

/// Where reports come from.
enum Source {
    /// The log alone.
    Log(EventLog),
    /// The log, on its way into the store.
    Feed(Box<Feed>),
}

/// What a report changed.
#[derive(Debug)]
pub enum Change {
    /// A watched job went on.
    Moved(Box<JobState>),
    /// A watched job came to its end, or to one that counts for more.
    Ended(Box<JobState>),
    /// The log's past has been read; `Moved` and `Ended` follow from now on.
    CaughtUp,
}

impl Watch {
    /// Watches jobs in a log that is about to be read.
    pub fn new(log: EventLog, jobs: impl IntoIterator<Item = JobKey>) -> Self {
        Self { source: Source::Log(log), jobs: Jobs::unseen(jobs) }
    }

    /// Watches jobs from where the store has them; brings the store up to date first.
    ///
    /// # Errors
    /// When the log cannot be read, or the store cannot be used.
    pub async fn resume(mut feed: Feed, jobs: &[JobKey]) -> Outcome<Self> {
        feed.catch_up().await?;
        let jobs = Jobs::known(feed.ledger().states(jobs).await?);
        Ok(Self { source: Source::Feed(Box::new(feed)), jobs })
    }

    /// Takes in what storage said of a job's output, here and in the store.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn judge(&mut self, state: &mut JobState, sight: &Sight) -> Outcome {
        let now = Timestamp::now();
        state.judge(sight, now);
        if let Some(job) = self.jobs.get_mut(&state.key()) {
            job.judge(sight, now);
        }
        if let Source::Feed(feed) = &mut self.source {
            feed.flush().await?;
            let judged = feed.ledger().store().judge(&state.key(), sight, now).await;
            judged.map_err(|error| store_failure(&error))?;
        }
        Ok(())
    }

    /// Writes to the store what was read and is not written yet.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn finish(&mut self) -> Outcome {
        match &mut self.source {
            Source::Feed(feed) => feed.flush().await,
            Source::Log(_) => Ok(()),
        }
    }

    /// Adds a job, or asks for a watched one's end anew unless it has succeeded: it was submitted again.
    pub fn add(&mut self, job: JobKey) {
        self.jobs.add(job);
    }

    /// How many watched jobs have not come to their end.
    pub fn open(&self) -> usize {
        self.jobs.open()
    }

    /// Whether the log's past has been read.
    pub fn is_caught_up(&self) -> bool {
        self.jobs.is_caught_up()
    }

    /// Jobs that a worker has.
    pub fn running(&self) -> impl Iterator<Item = &JobState> {
        self.jobs.states().filter(|state| state.state == Phase::Running)
    }

    /// All states, for a summary.
    pub fn states(&self) -> impl Iterator<Item = &JobState> {
        self.jobs.states()
    }

    /// One job's state.
    pub fn state(&self, job: &JobKey) -> Option<&JobState> {
        self.jobs.get(job)
    }

    /// The next change of a watched job; waits for ever. Cancel-safe.
    ///
    /// # Errors
    /// When the log cannot be read, or the store cannot be written.
    pub async fn next(&mut self) -> Outcome<Change> {
        loop {
            let item = match &mut self.source {
                Source::Log(log) => log
                    .next()
                    .await
                    .map_err(|error| Failure::from_error(Exit::Unavailable, &error).advise(error.advice()))?,
                Source::Feed(feed) => feed.next().await?,
            };
            let change = match item {
                LogItem::Report { report, .. } => self.jobs.take(&report),
                LogItem::CaughtUp => {
                    self.jobs.catch_up();
                    Some(Change::CaughtUp)
                }
                LogItem::Malformed { offset, problem } => {
                    tracing::warn!(offset, problem, "skipped a message in the event log that is no report");
                    None
                }
                _ => None,
            };
            if let Some(change) = change {
                return Ok(change);
            }
        }
    }

    /// Jobs whose end lies in the past: to be told right after [`Change::CaughtUp`].
    pub fn ended(&self) -> impl Iterator<Item = &JobState> {
        self.jobs.states().filter(|state| state.state.is_final())
    }
}
