//! The jobs that one run is about, where each stands, and how many have not come to their end.
//! Must never count a job off twice: one that begins anew after its end is waited for again.

use std::collections::HashMap;

use valet_protocol::{JobId, Report};

use super::{Change, JobState, Phase};

/// The watched jobs.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    states: HashMap<JobId, JobState>,
    open: usize,
    caught_up: bool,
}

impl Jobs {
    /// Jobs of which nothing is known before the log is read.
    pub(super) fn unseen(ids: impl IntoIterator<Item = JobId>) -> Self {
        let states: HashMap<_, _> = ids.into_iter().map(|id| (id, JobState::unseen(id))).collect();
        Self { open: states.len(), states, caught_up: false }
    }

    /// Jobs as a store has them that was brought up to date.
    pub(super) fn known(states: Vec<JobState>) -> Self {
        let states = states.into_iter().map(|state| (state.id, state)).collect();
        let mut jobs = Self { states, ..Self::default() };
        jobs.catch_up();
        jobs
    }

    /// Adds a job, or asks for a known one's end anew unless it has succeeded.
    pub(super) fn add(&mut self, id: JobId) {
        let state = self.states.entry(id).or_insert_with(|| {
            self.open += 1;
            JobState::unseen(id)
        });
        if self.caught_up && state.state.is_final() && state.state != Phase::Succeeded {
            *state = JobState::unseen(id);
            self.open += 1;
        }
    }

    /// Takes a report in; what it changed for who waits.
    pub(super) fn take(&mut self, report: &Report) -> Option<Change> {
        let state = self.states.get_mut(&report.job)?;
        let before = state.state;
        if !state.apply(report) || !self.caught_up {
            return None;
        }
        let snapshot = Box::new(state.clone());
        match (before.is_final(), state.state.is_final()) {
            (false, true) => self.open -= 1,
            // Submitted again, replayed, or taken by a worker after all.
            (true, false) => self.open += 1,
            // Another end counts for more than the one that was told: a late success.
            (true, true) if before != state.state => {}
            (true, true) => return None,
            (false, false) => {}
        }
        Some(if snapshot.state.is_final() { Change::Ended(snapshot) } else { Change::Moved(snapshot) })
    }

    /// The past has been read: ends count from now on.
    pub(super) fn catch_up(&mut self) {
        self.caught_up = true;
        self.open = self.states.values().filter(|state| !state.state.is_final()).count();
    }

    /// How many have not come to their end.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Whether the past has been read.
    pub(super) fn is_caught_up(&self) -> bool {
        self.caught_up
    }

    /// One job's state.
    pub(super) fn get(&self, id: &JobId) -> Option<&JobState> {
        self.states.get(id)
    }

    /// One job's state, for storage's word on its output.
    pub(super) fn get_mut(&mut self, id: &JobId) -> Option<&mut JobState> {
        self.states.get_mut(id)
    }

    /// All states.
    pub(super) fn states(&self) -> impl Iterator<Item = &JobState> {
        self.states.values()
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use valet_protocol::{Accepted, Cancelled, Failed, Lane, Reason, ReportData};

    use super::*;

    fn id(number: u32) -> JobId {
        format!("01920000-0000-7000-8000-{number:012x}").parse().expect("a UUIDv7")
    }

    fn report(job: u32, seconds: i64, attempt: u32, data: ReportData) -> Report {
        let begin = "2026-01-01T00:00:00Z".parse::<Timestamp>().expect("a time");
        let (time, lane) = (begin + SignedDuration::from_secs(seconds), Lane::default());
        Report { job: id(job), lane, attempt, redelivery: 0, worker: "w".into(), time, data }
    }

    fn accepted(job: u32, seconds: i64) -> Report {
        report(job, seconds, 1, ReportData::Accepted(Accepted::default()))
    }

    fn failed(job: u32, seconds: i64) -> Report {
        let (reason, advice) = (Reason::NotMedia, "none".into());
        report(job, seconds, 1, ReportData::Failed(Failed { reason, detail: "text".into(), advice }))
    }

    fn cancelled(job: u32, seconds: i64) -> Report {
        report(job, seconds, 1, ReportData::Cancelled(Cancelled::default()))
    }

    /// Two jobs, followed from their beginnings.
    fn two() -> Jobs {
        Jobs::known(vec![JobState::unseen(id(1)), JobState::unseen(id(2))])
    }

    #[test]
    fn a_job_that_ends_twice_is_counted_off_once() {
        let mut jobs = two();
        jobs.take(&accepted(1, 1));
        assert!(matches!(jobs.take(&failed(1, 2)), Some(Change::Ended(_))));
        assert_eq!(jobs.open(), 1);
        // A replay: another worker takes it.
        assert!(matches!(jobs.take(&accepted(1, 3)), Some(Change::Moved(_))));
        assert_eq!(jobs.open(), 2, "it is waited for again");
        assert!(matches!(jobs.take(&failed(1, 4)), Some(Change::Ended(_))));
        assert_eq!(jobs.open(), 1, "the other job has not ended");
        jobs.take(&accepted(2, 5));
        jobs.take(&failed(2, 6));
        assert_eq!(jobs.open(), 0);
    }

    #[test]
    fn an_end_that_counts_for_more_is_told_and_not_counted() {
        let mut jobs = two();
        jobs.take(&accepted(1, 1));
        jobs.take(&failed(1, 2));
        let Some(Change::Ended(told)) = jobs.take(&cancelled(1, 3)) else { panic!("it is told: {jobs:?}") };
        assert_eq!((told.state, jobs.open()), (Phase::Cancelled, 1));
        assert!(jobs.take(&cancelled(1, 3)).is_none(), "the same report again");
        assert!(jobs.take(&cancelled(1, 4)).is_none(), "the same end again");
        assert_eq!(jobs.open(), 1);
    }

    #[test]
    fn only_what_comes_after_the_past_is_told() {
        let mut jobs = Jobs::unseen([id(1), id(2)]);
        assert!(jobs.take(&accepted(1, 1)).is_none());
        assert!(jobs.take(&failed(1, 2)).is_none());
        jobs.catch_up();
        assert_eq!(jobs.open(), 1);
        jobs.add(id(1));
        assert_eq!(jobs.open(), 2, "submitted again");
        jobs.add(id(1));
        assert_eq!(jobs.open(), 2);
    }
}
