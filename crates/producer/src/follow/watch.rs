//! Follows a set of jobs to their ends. Old reports (a replay of the log) only say where a job stands when
//! the watch begins; a job that failed long ago and was submitted again is waited for.
//! Memory grows with the jobs watched, not with the log.

use std::collections::HashMap;

use valet_broker::{EventLog, EventsError, LogItem};
use valet_protocol::JobId;

use super::state::JobState;

/// The jobs of one run.
pub struct Watch {
    log: EventLog,
    jobs: HashMap<JobId, JobState>,
    open: usize,
    caught_up: bool,
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
        Self { log, jobs, open, caught_up: false }
    }

    /// Adds a job, or asks for a watched one's end anew unless it has succeeded: it was submitted again.
    pub fn add(&mut self, id: JobId) {
        let state = self.jobs.entry(id).or_insert_with(|| {
            self.open += 1;
            JobState::unseen(id)
        });
        if self.caught_up && state.state.is_final() && state.state != super::Phase::Succeeded {
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
        self.jobs.values().filter(|state| state.state == super::Phase::Running)
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
    /// When the log cannot be read.
    pub async fn next(&mut self) -> Result<Change, EventsError> {
        loop {
            let change = match self.log.next().await? {
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
        state.apply(report);
        if !self.caught_up || was_final {
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
