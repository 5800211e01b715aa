//! The jobs that one run is about, where each stands, and how many have not come to their end.
//! Must never count a job off twice: one that begins anew after its end is waited for again.

use std::collections::HashMap;

use valet_protocol::{JobKey, Report};

use super::{Change, JobState, Phase};

/// The watched jobs.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    states: HashMap<JobKey, JobState>,
    open: usize,
    caught_up: bool,
}

impl Jobs {
    /// Jobs of which nothing is known before the log is read.
    pub(super) fn unseen(jobs: impl IntoIterator<Item = JobKey>) -> Self {
        let states: HashMap<_, _> =
            jobs.into_iter().map(|job| (job.clone(), JobState::unseen(job))).collect();
        Self { open: states.len(), states, caught_up: false }
    }

    /// Jobs as a store has them that was brought up to date.
    pub(super) fn known(states: Vec<JobState>) -> Self {
        let states = states.into_iter().map(|state| (state.key(), state)).collect();
        let mut jobs = Self { states, ..Self::default() };
        jobs.catch_up();
        jobs
    }

    /// Adds a job, or asks for a known one's end anew unless it has succeeded.
    pub(super) fn add(&mut self, job: JobKey) {
        let state = self.states.entry(job.clone()).or_insert_with(|| {
            self.open += 1;
            JobState::unseen(job.clone())
        });
        if self.caught_up && state.state.is_final() && state.state != Phase::Succeeded {
            *state = JobState::unseen(job);
            self.open += 1;
        }
    }

    /// Takes a report in; what it changed for who waits.
    pub(super) fn take(&mut self, report: &Report) -> Option<Change> {
        let state = self.states.get_mut(&report.key())?;
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
    pub(super) fn get(&self, job: &JobKey) -> Option<&JobState> {
        self.states.get(job)
    }

    /// One job's state, for storage's word on its output.
    pub(super) fn get_mut(&mut self, job: &JobKey) -> Option<&mut JobState> {
        self.states.get_mut(job)
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

    fn key(number: u32) -> JobKey {
        let id = format!("01920000-0000-7000-8000-{number:012x}").parse();
        JobKey::new(Lane::default(), id.expect("a UUIDv7"))
    }

    fn report(job: u32, seconds: i64, attempt: u32, data: ReportData) -> Report {
        let begin = "2026-01-01T00:00:00Z".parse::<Timestamp>().expect("a time");
        let (time, JobKey { id, lane }) = (begin + SignedDuration::from_secs(seconds), key(job));
        Report { job: id, lane, attempt, redelivery: 0, worker: "w".into(), time, data }
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
        Jobs::known(vec![JobState::unseen(key(1)), JobState::unseen(key(2))])
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
    fn a_report_of_another_lane_ends_no_watched_job() {
        let mut jobs = two();
        let lane: Lane = "acme".parse().expect("a lane");
        let of_acme = |report: Report| Report { lane: lane.clone(), ..report };
        for report in [accepted(1, 1), failed(1, 2), cancelled(1, 3)] {
            assert!(jobs.take(&of_acme(report)).is_none());
        }
        assert_eq!((jobs.open(), jobs.get(&key(1)).map(|job| job.state)), (2, Some(Phase::Unseen)));
    }

    #[test]
    fn only_what_comes_after_the_past_is_told() {
        let mut jobs = Jobs::unseen([key(1), key(2)]);
        assert!(jobs.take(&accepted(1, 1)).is_none());
        assert!(jobs.take(&failed(1, 2)).is_none());
        jobs.catch_up();
        assert_eq!(jobs.open(), 1);
        jobs.add(key(1));
        assert_eq!(jobs.open(), 2, "submitted again");
        jobs.add(key(1));
        assert_eq!(jobs.open(), 2);
    }
}
