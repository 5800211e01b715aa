//! The reports of a sequence, folded as `valet status` folds them, beside the plain word that each job must show.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use valet_protocol::{
    Accepted, Cancelled, Dead, Detail, Expired, Failed, JobId, JobKey, Lane, Reason, Report, ReportData,
    Retrying, Stored, Submitted, Success, Timings,
};
use valet_status::{JobRecord, State};

use super::op::JOBS;

/// All jobs of one sequence as their reports tell them.
pub(super) struct Ledger {
    records: Vec<JobRecord>,
    /// What each must show, kept by hand: no fold.
    words: [State; JOBS],
    /// When each was submitted last.
    pub(super) submitted_at: [Option<Timestamp>; JOBS],
    now: Timestamp,
    reports: Vec<Report>,
    /// Ids of reports of success: one that is told twice counts once.
    successes: [BTreeSet<String>; JOBS],
}

/// Attempt and redelivery that a report speaks of.
pub(super) type Key = (u32, u32);

impl Ledger {
    pub(super) fn new(ids: &[JobId]) -> Self {
        Self {
            records: ids.iter().map(|id| JobRecord::unseen(JobKey::new(Lane::default(), *id))).collect(),
            words: [State::Unseen; JOBS],
            submitted_at: [None; JOBS],
            now: Timestamp::now(),
            reports: Vec::new(),
            successes: Default::default(),
        }
    }

    /// The next moment: reports of a sequence have an order.
    pub(super) fn tick(&mut self) -> Timestamp {
        self.now += SignedDuration::from_secs(1);
        self.now
    }

    pub(super) fn submitted(&mut self, job: usize) {
        let now = self.tick();
        self.submitted_at[job] = Some(now);
        let submitted = Submitted {
            preset: "copy".into(),
            version: 1,
            input: "account/in/blob".into(),
            output: "account/out/blob".into(),
            tags: [].into(),
            priority: valet_protocol::Priority::Normal,
            submitted_at: now,
            not_after: now + SignedDuration::from_hours(1),
            wall_seconds: 60,
            remints: 0,
        };
        self.tell(job, (1, 0), ReportData::Submitted(Box::new(submitted)), State::Queued);
    }

    pub(super) fn accepted(&mut self, job: usize, key: Key) {
        self.tell(job, key, ReportData::Accepted(Accepted {}), State::Running);
    }

    pub(super) fn succeeded(&mut self, job: usize, key: Key) {
        let again = self.words[job] == State::Succeeded;
        let success = Success {
            stored: if again { Stored::Found } else { Stored::Created },
            output: "account/out/blob".into(),
            content_type: "text/plain".into(),
            input_bytes: 1,
            output_bytes: Some(1),
            sha256: None,
            md5: None,
            media: None,
            timings: Timings::default(),
            codec_version: "none".into(),
            jail: None,
        };
        self.tell(job, key, ReportData::Succeeded(Box::new(success)), State::Succeeded);
    }

    pub(super) fn retrying(&mut self, job: usize, key: Key) {
        let retrying = Retrying {
            reason: Reason::StorageUnavailable,
            detail: Detail::new("away"),
            next_attempt: key.0 + 1,
            delay_seconds: 1,
        };
        self.tell(job, key, ReportData::Retrying(retrying), State::Retrying);
    }

    pub(super) fn failed(&mut self, job: usize, key: Key) {
        let failed =
            Failed { reason: Reason::NotMedia, detail: Detail::new("a text"), advice: "look".into() };
        self.tell(job, key, ReportData::Failed(failed), State::Failed);
    }

    pub(super) fn dead(&mut self, job: usize, key: Key, reason: Reason) {
        self.tell(job, key, ReportData::Dead(Dead { reason, detail: Detail::new("") }), State::Dead);
    }

    pub(super) fn expired(&mut self, job: usize, key: Key) {
        let expired = Expired {
            reason: Reason::GrantExpired,
            detail: Detail::new(""),
            not_after: None,
            remints_left: 0,
        };
        self.tell(job, key, ReportData::Expired(expired), State::Expired);
    }

    pub(super) fn cancelled(&mut self, job: usize, key: Key) {
        self.tell(job, key, ReportData::Cancelled(Cancelled::default()), State::Cancelled);
    }

    /// Whether a job has succeeded, which nothing takes back.
    pub(super) fn is_done(&self, job: usize) -> bool {
        self.words[job] == State::Succeeded
    }

    /// The word that a job must show.
    pub(super) fn word(&self, job: usize) -> State {
        self.words[job]
    }

    /// What the fold says that is not so.
    pub(super) fn problem(&self) -> Option<String> {
        (0..JOBS).find_map(|job| {
            let (record, word) = (&self.records[job], self.words[job]);
            let told = || {
                let of_job = self.reports.iter().filter(|report| report.job == record.id);
                of_job.map(|report| format!("  {} {}\n", report.id(), report.time)).collect::<String>()
            };
            if record.state != word {
                return Some(format!("job {job} is {word}, and shows as {}\n{}", record.state, told()));
            }
            let successes = &self.successes[job];
            (successes.len() > 1).then(|| format!("job {job} succeeded more than once: {successes:?}"))
        })
    }

    fn tell(&mut self, job: usize, (attempt, redelivery): Key, data: ReportData, word: State) {
        let report = Report {
            job: self.records[job].id,
            lane: Lane::default(),
            attempt,
            redelivery,
            worker: "model".into(),
            time: self.tick(),
            data,
        };
        self.records[job].apply(&report);
        // The broker may deliver a report twice; that says nothing new.
        self.records[job].apply(&report);
        if self.words[job] != State::Succeeded {
            self.words[job] = word;
        }
        if word == State::Succeeded {
            self.successes[job].insert(report.id());
        }
        self.reports.push(report);
    }
}
