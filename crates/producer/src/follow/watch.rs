//! Follows a set of jobs to their ends. Old reports (a replay of the log) only say where a job stands when
//! the watch begins; a job that failed long ago and was submitted again is waited for.
//! Memory grows with the jobs watched, not with the log.

use std::collections::HashMap;

use jiff::Timestamp;
use valet_broker::{EventLog, LogItem};
use valet_protocol::JobId;
use valet_status::Sight;

use super::feed::Feed;
use super::ledger::store_failure;
use super::{JobState, Phase};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// The jobs of one run.
pub struct Watch {
    source: Source,
    jobs: HashMap<JobId, JobState>,
    open: usize,
    caught_up: bool,
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
    /// A watched job came to its end.
    Ended(Box<JobState>),
    /// The log's past has been read; `Moved` and `Ended` follow from now on.
    CaughtUp,
}

impl Watch {
    /// Watches `ids` in a log that is about to be read.
    pub fn new(log: EventLog, ids: impl IntoIterator<Item = JobId>) -> Self {
        let jobs: HashMap<_, _> = ids.into_iter().map(|id| (id, JobState::unseen(id))).collect();
        let open = jobs.len();
        Self { source: Source::Log(log), jobs, open, caught_up: false }
    }

    /// Watches `ids` from where the store has them; brings the store up to date first.
    ///
    /// # Errors
    /// When the log cannot be read, or the store cannot be used.
    pub async fn resume(mut feed: Feed, ids: &[JobId]) -> Outcome<Self> {
        feed.catch_up().await?;
        let states = feed.ledger().states(ids).await?;
        let open = states.iter().filter(|state| !state.state.is_final()).count();
        let jobs = states.into_iter().map(|state| (state.id, state)).collect();
        Ok(Self { source: Source::Feed(Box::new(feed)), jobs, open, caught_up: true })
    }

    /// Takes in what storage said of a job's output, here and in the store.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn judge(&mut self, state: &mut JobState, sight: &Sight) -> Outcome {
        let now = Timestamp::now();
        state.judge(sight, now);
        if let Some(job) = self.jobs.get_mut(&state.id) {
            job.judge(sight, now);
        }
        if let Source::Feed(feed) = &mut self.source {
            feed.flush().await?;
            let judged = feed.ledger().store().judge(state.id, sight, now).await;
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
    pub fn add(&mut self, id: JobId) {
        let state = self.jobs.entry(id).or_insert_with(|| {
            self.open += 1;
            JobState::unseen(id)
        });
        if self.caught_up && state.state.is_final() && state.state != Phase::Succeeded {
            *state = JobState::unseen(id);
            self.open += 1;
        }
    }

    /// How many watched jobs have not come to their end.
    pub fn open(&self) -> usize {
        self.open
    }

    /// Whether the log's past has been read.
    pub fn is_caught_up(&self) -> bool {
        self.caught_up
    }

    /// Jobs that a worker has.
    pub fn running(&self) -> impl Iterator<Item = &JobState> {
        self.jobs.values().filter(|state| state.state == Phase::Running)
    }

    /// All states, for a summary.
    pub fn states(&self) -> impl Iterator<Item = &JobState> {
        self.jobs.values()
    }

    /// One job's state.
    pub fn state(&self, id: &JobId) -> Option<&JobState> {
        self.jobs.get(id)
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
                LogItem::Report { report, .. } => self.take(&report),
                LogItem::CaughtUp => Some(self.catch_up()),
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
        self.jobs.values().filter(|state| state.state.is_final())
    }

    fn take(&mut self, report: &valet_protocol::Report) -> Option<Change> {
        let state = self.jobs.get_mut(&report.job)?;
        let was_final = state.state.is_final();
        let is_news = state.apply(report);
        if !self.caught_up || was_final || !is_news {
            return None;
        }
        let snapshot = Box::new(state.clone());
        if !state.state.is_final() {
            return Some(Change::Moved(snapshot));
        }
        self.open -= 1;
        Some(Change::Ended(snapshot))
    }

    fn catch_up(&mut self) -> Change {
        self.caught_up = true;
        self.open = self.jobs.values().filter(|state| !state.state.is_final()).count();
        Change::CaughtUp
    }
}
