//! What runs, as the reports tell: the count that a lane's ceiling is held against.
//!
//! A job that was sent on counts from that moment, since it may start at any time; a job that workers speak of counts
//! until its attempt has ended, or until nobody has spoken of it for a minute: workers do so every ten seconds.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use valet_protocol::{JobId, Lane, Report, ReportKind};

/// Without a sign for so long, a job's worker is gone: six signs were missed.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Jobs that run or may start at any time. Equal ids in two lanes are two jobs.
#[derive(Debug, Default)]
pub struct Running {
    jobs: HashMap<(Lane, JobId), Instant>,
    counts: HashMap<Lane, u32>,
}

impl Running {
    /// A job was sent to the workers, and waits for one until `until` at the latest.
    pub fn send(&mut self, lane: Lane, job: JobId, until: Instant) {
        self.keep(lane, job, until);
    }

    /// A report was read at `now`.
    pub fn note(&mut self, report: &Report, now: Instant) {
        let (lane, job) = (report.lane.clone(), report.job);
        match report.kind() {
            ReportKind::Accepted | ReportKind::Started | ReportKind::Progress => {
                self.keep(lane, job, now + SILENCE_MAX);
            }
            ReportKind::Succeeded
            | ReportKind::Failed
            | ReportKind::Retrying
            | ReportKind::Expired
            | ReportKind::Dead
            | ReportKind::Cancelled => self.end(lane, job),
            // It waits, or is counted since it was sent.
            ReportKind::Submitted | ReportKind::Reminted => {}
        }
    }

    /// Forgets whoever has been silent for too long.
    pub fn forget(&mut self, now: Instant) {
        let silent: Vec<_> =
            self.jobs.iter().filter(|(_, until)| **until <= now).map(|(key, _)| key.clone()).collect();
        silent.into_iter().for_each(|(lane, job)| self.end(lane, job));
    }

    /// How many jobs of a lane run or may start at any time.
    #[must_use]
    pub fn count(&self, lane: &Lane) -> u32 {
        self.counts.get(lane).copied().unwrap_or_default()
    }

    fn keep(&mut self, lane: Lane, job: JobId, until: Instant) {
        if self.jobs.insert((lane.clone(), job), until).is_none() {
            *self.counts.entry(lane).or_default() += 1;
        }
    }

    /// A job runs no more, or was never sent.
    pub fn end(&mut self, lane: Lane, job: JobId) {
        let key = (lane, job);
        if self.jobs.remove(&key).is_none() {
            return;
        }
        let left = self.count(&key.0).saturating_sub(1);
        match left {
            0 => drop(self.counts.remove(&key.0)),
            left => drop(self.counts.insert(key.0, left)),
        }
    }
}

#[cfg(test)]
mod tests {
    use valet_protocol::{Accepted, Cancelled, Progress, ReportData, WorkerName};

    use super::*;

    fn job(number: u32) -> JobId {
        format!("01920000-0000-7000-8000-{number:012}").parse().unwrap()
    }

    fn lane(name: &str) -> Lane {
        name.parse().unwrap()
    }

    fn report(of: &str, number: u32, data: ReportData) -> Report {
        Report {
            job: job(number),
            lane: lane(of),
            attempt: 1,
            redelivery: 0,
            worker: WorkerName::from("w"),
            time: jiff::Timestamp::UNIX_EPOCH,
            data,
        }
    }

    #[test]
    fn a_job_counts_from_when_it_was_sent_until_it_has_ended() {
        let (mut running, now) = (Running::default(), Instant::now());
        running.send(lane("a"), job(1), now + Duration::from_secs(3_600));
        running.note(&report("a", 1, ReportData::Accepted(Accepted {})), now);
        running.note(&report("a", 2, ReportData::Accepted(Accepted {})), now);
        assert_eq!((running.count(&lane("a")), running.count(&lane("b"))), (2, 0));
        running.note(&report("a", 1, ReportData::Cancelled(Cancelled::default())), now);
        running.note(&report("a", 1, ReportData::Cancelled(Cancelled::default())), now);
        assert_eq!(running.count(&lane("a")), 1);
    }

    #[test]
    fn equal_ids_in_two_lanes_are_two_jobs() {
        let (mut running, now) = (Running::default(), Instant::now());
        for name in ["a", "b"] {
            running.note(&report(name, 1, ReportData::Accepted(Accepted {})), now);
        }
        running.note(&report("a", 1, ReportData::Cancelled(Cancelled::default())), now);
        assert_eq!((running.count(&lane("a")), running.count(&lane("b"))), (0, 1));
    }

    #[test]
    fn who_is_silent_for_a_minute_is_forgotten_and_who_speaks_is_not() {
        let (mut running, start) = (Running::default(), Instant::now());
        let seconds = |seconds| start + Duration::from_secs(seconds);
        running.note(&report("a", 1, ReportData::Accepted(Accepted {})), start);
        running.note(&report("a", 2, ReportData::Accepted(Accepted {})), start);
        running.send(lane("a"), job(3), seconds(3_600));
        running.note(&report("a", 2, ReportData::Progress(Progress::default())), seconds(50));
        running.forget(seconds(59));
        assert_eq!(running.count(&lane("a")), 3);
        running.forget(seconds(61));
        assert_eq!(running.count(&lane("a")), 2, "one waits for a worker, one has spoken");
        running.forget(seconds(4_000));
        assert_eq!(running.count(&lane("a")), 0);
    }
}
