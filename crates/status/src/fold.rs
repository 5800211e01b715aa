//! The fold: one job's reports, in the order of the log, into where the job stands.
//!
//! Several may speak of one job at once: two workers after a lost lease, the worker that finds what the broker
//! took off a queue, the producer. So the order of the log is not enough. A hand-over counts over an earlier one
//! (attempt, then redelivery), an end over what led to it, and a report that was taken in before says nothing new.
//! Must never call a job done that no report calls done, nor take a success back, nor take a report of another lane's
//! job in.

use jiff::Timestamp;
use valet_protocol::{Reason, Report, ReportData, Submitted, Success};

use crate::attempt::{self, Outcome};
use crate::record::{End, JobRecord, StoredOutput};
use crate::state::State;
use crate::verdict::is_named;

/// The most ends kept of one job.
const ENDS_MAX: usize = 16;

impl JobRecord {
    /// Takes one report in; tells whether it said anything new.
    pub fn apply(&mut self, report: &Report) -> bool {
        if report.key() != self.key() || self.knows(report) {
            return false;
        }
        match &report.data {
            ReportData::Submitted(submitted) => self.submit(submitted),
            ReportData::Reminted(reminted) => {
                (self.not_after, self.remints_left) = (Some(reminted.not_after), Some(reminted.remints_left));
                self.reminted_at = Some(report.time);
                self.remints_made = self.remints_made.saturating_add(1);
                self.begin_anew_if(|job| job.waits_for_grants() && job.ended_before(report.time));
            }
            ReportData::Accepted(_) | ReportData::Started(_) | ReportData::Progress(_) => self.run(report),
            ReportData::Succeeded(success) => self.succeed(report, success),
            ReportData::Failed(_) | ReportData::Retrying(_) => self.fail(report),
            ReportData::Expired(_) | ReportData::Dead(_) | ReportData::Cancelled(_) => self.finish(report),
        }
        self.time = self.time.max(self.heard(report));
        attempt::infer(
            &mut self.attempts,
            self.state == State::Running,
            self.state == State::Succeeded && self.output.is_some(),
        );
        true
    }

    /// Whether this very report was taken in before: confirms get lost, and reports are sent again.
    fn knows(&self, report: &Report) -> bool {
        match &report.data {
            ReportData::Submitted(submitted) => {
                self.submitted_at.is_some_and(|known| known >= submitted.submitted_at)
            }
            ReportData::Reminted(_) => self.reminted_at.is_some_and(|known| known >= report.time),
            ReportData::Expired(_) | ReportData::Dead(_) | ReportData::Cancelled(_) => {
                let (state, attempt) = (end_of(report), report.attempt);
                let is_it =
                    |end: &End| Some(end.state) == state && (end.attempt, end.time) == (attempt, report.time);
                self.ends.iter().any(is_it)
            }
            _ => attempt::knows(&self.attempts, report),
        }
    }

    /// The time that counts as the job's last word: of the current hand-over only, so that a stray worker does
    /// not hide that the current one is silent.
    fn heard(&self, report: &Report) -> Option<Timestamp> {
        match (self.state, self.attempts.last()) {
            (State::Running, Some(current)) => Some(current.heard_at),
            _ => Some(report.time),
        }
    }

    fn submit(&mut self, submitted: &Submitted) {
        let is_again = self.submitted_at.is_some();
        self.submitted_at = Some(submitted.submitted_at);
        self.preset = Some(format!("{}@{}", submitted.preset, submitted.version));
        self.input_blob = Some(submitted.input.to_string());
        self.output_blob = Some(submitted.output.to_string());
        if self.output.as_ref().is_some_and(|output| !is_named(&output.blob, submitted.output.as_str())) {
            // What was looked at before this came was the worker's word.
            self.looked_at = None;
        }
        let text = |(name, value): (&_, &_)| (ToString::to_string(name), ToString::to_string(value));
        self.tags = submitted.tags.iter().map(text).collect();
        self.priority = Some(submitted.priority);
        self.not_after = Some(submitted.not_after);
        self.wall_seconds = Some(submitted.wall_seconds);
        self.remints_left = Some(submitted.remints);
        (self.remints_allowed, self.remints_made) = (Some(submitted.remints), 0);
        if self.state == State::Unseen {
            self.state = State::Queued;
        }
        // The first one only describes: it may come after a worker's word.
        let round = self.round;
        self.begin_anew_if(|job| {
            is_again && job.state.is_final() && job.ended_before(submitted.submitted_at)
        });
        if self.round > round {
            // Who submits again means the content that is there now; new grants are for what was met first.
            self.input_etag = None;
        }
    }

    fn waits_for_grants(&self) -> bool {
        matches!(self.state, State::Unseen | State::Reminting | State::Expired | State::Dead | State::Failed)
    }

    /// Whether the end is older than `time`; a job that has not ended has none that is newer.
    fn ended_before(&self, time: Timestamp) -> bool {
        self.ended_at.is_none_or(|ended| ended < time)
    }

    /// Puts the job back into the queue, unless it has succeeded.
    fn begin_anew_if(&mut self, is_due: impl FnOnce(&Self) -> bool) {
        if self.state != State::Succeeded && is_due(self) {
            self.begin_anew();
            self.state = State::Queued;
        }
    }

    fn begin_anew(&mut self) {
        self.round += 1;
        self.output = None;
        self.looked_at = None;
        self.ended_at = None;
        self.set_reason(None, "", None);
    }

    /// A worker has the job.
    fn run(&mut self, report: &Report) {
        let is_accepted = matches!(report.data, ReportData::Accepted(_));
        // After an end, only a worker that takes the job later begins it anew; a stray one's progress does not.
        let is_anew = match self.state {
            State::Succeeded => false,
            State::Reminting => is_accepted,
            state if state.is_final() => is_accepted && self.ended_before(report.time),
            _ => false,
        };
        if is_anew {
            self.begin_anew();
        }
        let is_current = attempt::note(&mut self.attempts, report, self.round);
        let may_run = is_anew || !(self.state.is_final() || self.state == State::Reminting);
        let has_ended = self.attempts.last().is_none_or(attempt::AttemptRecord::is_told);
        if !is_current || !may_run || has_ended {
            return;
        }
        self.speak(report);
        match &report.data {
            ReportData::Started(started) => {
                self.doing("start");
                self.preset = Some(format!("{}@{}", started.preset, started.version));
                self.input_bytes = Some(started.input_bytes);
                self.jail = started.jail.as_ref().map(ToString::to_string);
                self.started_at = Some(report.time);
                if self.input_etag.is_none() {
                    self.input_etag = started.input_etag.as_ref().map(ToString::to_string);
                }
            }
            ReportData::Progress(progress) => {
                self.doing(progress.phase.as_str());
                (self.percent, self.speed) = (progress.percent, progress.speed);
            }
            _ => self.doing("accepted"),
        }
    }

    fn doing(&mut self, what: &str) {
        self.state = State::Running;
        (self.percent, self.speed) = (None, None);
        self.set_reason(None, "", None);
        self.doing = Some(what.to_owned());
    }

    /// Notes who speaks.
    fn speak(&mut self, report: &Report) {
        self.attempt = Some(report.attempt);
        self.worker = Some(report.worker.to_string());
    }

    fn succeed(&mut self, report: &Report, success: &Success) {
        attempt::note(&mut self.attempts, report, self.round);
        // The first success counts, also if storage has shown meanwhile that it is none.
        if self.output.is_some() {
            return;
        }
        self.speak(report);
        self.become_done(report.time);
        self.input_bytes = Some(success.input_bytes);
        self.jail = success.jail.as_ref().map(ToString::to_string);
        self.output = Some(StoredOutput {
            blob: success.output.to_string(),
            bytes: success.output_bytes,
            content_type: Some(success.content_type.to_string()),
            sha256: success.sha256.as_ref().map(ToString::to_string),
            md5: success.md5.as_ref().map(ToString::to_string),
            stored: success.stored,
            attempt: report.attempt,
            total_ms: success.timings.total_ms,
            timings: Some(success.timings),
            duration_seconds: success.media.as_ref().and_then(|media| media.duration_seconds),
            verified: None,
        });
        // What storage said before this success was not about it.
        self.looked_at = None;
    }

    pub(crate) fn become_done(&mut self, time: Timestamp) {
        self.state = State::Succeeded;
        self.ended_at = Some(time);
        self.set_reason(None, "", None);
    }

    /// An attempt's own end without an output: final, or with another attempt to come.
    fn fail(&mut self, report: &Report) {
        let is_current = attempt::note(&mut self.attempts, report, self.round);
        if !is_current || self.output.is_some() {
            return;
        }
        match &report.data {
            ReportData::Failed(failed) if self.take_end(State::Failed, report) => {
                let advice = Some(failed.advice.as_str());
                self.set_reason(Some(failed.reason), failed.detail.as_str(), advice);
            }
            ReportData::Retrying(again) if !self.state.is_final() => {
                self.speak(report);
                self.state = State::Retrying;
                self.set_reason(Some(again.reason), again.detail.as_str(), None);
            }
            _ => {}
        }
    }

    /// An end of the job as a whole, whoever tells it.
    fn finish(&mut self, report: &Report) {
        let Some(state) = end_of(report) else { return };
        let (reason, detail) = match &report.data {
            ReportData::Expired(expired) => (expired.reason, expired.detail.as_str()),
            ReportData::Dead(dead) => (dead.reason, dead.detail.as_str()),
            ReportData::Cancelled(cancelled) => (Reason::Cancelled, cancelled.detail.as_str()),
            _ => return,
        };
        self.note_end(state, report, reason, detail);
        if self.output.is_some() {
            return;
        }
        if let ReportData::Expired(expired) = &report.data {
            self.remints_left = Some(expired.remints_left);
        }
        if self.take_end(state, report) {
            self.set_reason(Some(reason), detail, Some(reason.advice()));
        }
    }

    fn note_end(&mut self, state: State, report: &Report, reason: Reason, detail: &str) {
        self.ends.push(End { state, attempt: report.attempt, time: report.time, reason: Some(reason) });
        if self.ends.len() > ENDS_MAX {
            self.ends.remove(0);
        }
        let outcome = match state {
            State::Cancelled => Outcome::Cancelled,
            State::Dead => Outcome::Dead,
            _ => Outcome::Expired,
        };
        let key = (report.attempt, report.redelivery);
        // What another worker tells of a lost one is no word of the lost one's.
        let is_own = reason != Reason::WorkerLost;
        let entry = self.attempts.iter_mut().rfind(|entry| entry.key() == key);
        if let Some(entry) = entry.filter(|entry| is_own && entry.worker == report.worker.as_str()) {
            entry.end(report, outcome, Some(reason), detail);
        }
    }

    /// Moves the job to this end unless another one counts for more. `true`: it has moved.
    fn take_end(&mut self, state: State, report: &Report) -> bool {
        if state == State::Reminting {
            // What was minted anew already does not wait any more.
            let is_over = self.reminted_at.is_some_and(|time| time > report.time);
            if is_over || self.state.is_final() {
                return false;
            }
        } else if self.state.is_final() && self.state.weight() > state.weight() {
            return false;
        }
        self.speak(report);
        self.state = state;
        self.ended_at = Some(report.time).filter(|_| state.is_final());
        true
    }

    pub(crate) fn set_reason(&mut self, reason: Option<Reason>, detail: &str, advice: Option<&str>) {
        (self.doing, self.percent, self.speed) = (None, None, None);
        self.reason = reason;
        self.detail = Some(detail.to_owned()).filter(|detail| !detail.is_empty());
        self.advice = advice.map(str::to_owned);
    }
}

/// The state that a report of the whole job's end means.
fn end_of(report: &Report) -> Option<State> {
    match &report.data {
        ReportData::Expired(expired) if expired.remints_left > 0 => Some(State::Reminting),
        ReportData::Expired(_) => Some(State::Expired),
        ReportData::Dead(_) => Some(State::Dead),
        ReportData::Cancelled(_) => Some(State::Cancelled),
        _ => None,
    }
}
