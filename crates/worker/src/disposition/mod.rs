//! What becomes of a job: every end of a delivery is reduced to how it is settled and what is told. The only place
//! that decides; it settles nothing itself.
//!
//! [`Case`] is the table of all ends with class and reason; [`verdict()`] says how a class is settled, and [`decide`]
//! what is told. `docs/job-lifecycle.md` has it all as tables, written from here by a test.

mod case;
mod document;
mod of;
mod verdict;

use valet_broker::{Disposition, LeaseLoss};
use valet_protocol::{
    Cancelled, Dead, Expired, Failed, Reason, ReportData, Retrying, Success, limits::DETAIL_BYTES_MAX,
};

pub use case::{Case, Class};
pub use document::tables;
pub use of::case_of;
pub use verdict::{STAGES, Standing, Verdict, verdict};

use crate::cause::Cause;

/// How a delivery ended.
#[derive(Debug)]
pub enum End {
    /// The output is stored.
    Succeeded(Box<Success>),
    /// It is not.
    Failed(Cause),
    /// An order to cancel it came in time; with words on what it met.
    Cancelled(String),
    /// The worker ends before the job does.
    HandedBack,
    /// The broker has taken it back.
    TakenBack(LeaseLoss),
}

/// A decision: first to be reported, then to be settled.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Its row of the table.
    pub case: Case,
    /// How to settle; of [`Verdict::Silence`] it is about nothing any more.
    pub disposition: Disposition,
    /// What to report, if anything.
    pub report: Option<ReportData>,
    /// What happened, for the log.
    pub detail: String,
}

impl Decision {
    /// Of a job whose output is stored, wherever it stands.
    #[must_use]
    pub fn stored(success: Box<Success>) -> Self {
        told(Case::Stored, Disposition::Ack, ReportData::Succeeded(success), String::new())
    }

    /// Of an end that somebody else will tell.
    #[must_use]
    pub fn silent(case: Case, detail: String) -> Self {
        Self { case, disposition: Disposition::HandBack, report: None, detail }
    }

    /// Whether no copy of the same message has anything left to do. A retry is another try, which may end in any
    /// other way; a job that was handed back or taken back was not ended here at all.
    #[must_use]
    pub fn ends_the_message(&self) -> bool {
        !matches!(self.disposition, Disposition::Retry | Disposition::HandBack)
    }
}

/// Decides about a delivery that ended so.
#[must_use]
pub fn decide(end: End, standing: &Standing) -> Decision {
    match end {
        End::Succeeded(success) => Decision::stored(success),
        End::Cancelled(detail) => {
            let report = Cancelled { detail: detail.as_str().into() };
            told(Case::Ordered, Disposition::Ack, ReportData::Cancelled(report), detail)
        }
        End::Failed(cause) => decide_failure(&cause, standing),
        // One more would be the one after which the broker gives it up; the next stage counts anew.
        End::HandedBack if !standing.may_hand_back => decide_failure(&Cause::HandedBackTooOften, standing),
        End::HandedBack => Decision::silent(Case::WorkerEnding, String::new()),
        End::TakenBack(loss) => Decision::silent(Case::LeaseLost, loss.cause),
    }
}

fn told(case: Case, disposition: Disposition, report: ReportData, detail: String) -> Decision {
    Decision { case, disposition, report: Some(report), detail }
}

fn decide_failure(cause: &Cause, standing: &Standing) -> Decision {
    let case = case_of(cause);
    let reason = case.reason().unwrap_or(Reason::Internal);
    let detail = cut(cause.detail());
    let (disposition, report) = match verdict(case, standing) {
        Verdict::Retry { delay_seconds } => {
            (Disposition::Retry, retrying(reason, &detail, standing, delay_seconds))
        }
        Verdict::Expired { remints_left } => {
            let report = expired(cause, reason, &detail, remints_left);
            (Disposition::Expired { reason, detail: detail.clone(), attempt: standing.attempt }, report)
        }
        // A cause is never an end without one.
        Verdict::Ack | Verdict::HandBack | Verdict::Silence => return Decision::silent(case, detail),
        Verdict::DeadLetter { reason: letter } => {
            // The last attempt's own reason goes into the detail: the dead letter must tell what to mend.
            let words = if letter == reason { detail.clone() } else { format!("{reason}: {detail}") };
            let report = match case.class() {
                Class::Permanent => failed(cause, reason, &detail),
                Class::Expired => expired(cause, reason, &detail, 0),
                _ => ReportData::Dead(Dead { reason: letter, detail: words.as_str().into() }),
            };
            (Disposition::DeadLetter { reason: letter, detail: words, attempt: standing.attempt }, report)
        }
    };
    told(case, disposition, report, detail)
}

fn failed(cause: &Cause, reason: Reason, detail: &str) -> ReportData {
    let advice = cause.advice().unwrap_or_else(|| reason.advice().to_owned()).into();
    ReportData::Failed(Failed { reason, detail: detail.into(), advice })
}

fn retrying(reason: Reason, detail: &str, standing: &Standing, delay_seconds: u32) -> ReportData {
    let next_attempt = standing.attempt.saturating_add(1);
    ReportData::Retrying(Retrying { reason, detail: detail.into(), next_attempt, delay_seconds })
}

fn expired(cause: &Cause, reason: Reason, detail: &str, remints_left: u32) -> ReportData {
    let not_after = match cause {
        Cause::TooLate(not_after) | Cause::EndedInQueue(not_after) => Some(*not_after),
        _ => None,
    };
    ReportData::Expired(Expired { reason, detail: detail.into(), not_after, remints_left })
}

/// Reports and letters cut by themselves; this is for the log, and for words put in front.
fn cut(mut detail: String) -> String {
    detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
    detail
}

#[cfg(test)]
mod tests;
