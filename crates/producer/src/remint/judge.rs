//! What becomes of a letter of the queue `expired`, decided once and before anything is done.
//! Must never do I/O, nor grant what the letter alone asks for.

use valet_broker::DeadLetter;
use valet_mint::Signer;
use valet_protocol::{CancelOrder, ETag, Expired, JobId, JobMessage, Reason, ReportData};
use valet_status::{JobRecord, State};

use crate::batch::JobPlan;
use crate::replay::{ReplayError, plan_anew};

/// What is known of a letter's job besides the letter.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The content that its first attempt met.
    pub seen: Option<ETag>,
    /// It has succeeded.
    pub has_succeeded: bool,
    /// How often it was minted anew since it was submitted.
    pub remints: u32,
    /// How often it may be, as its producer said.
    pub remints_allowed: Option<u32>,
    /// The fewest re-mints that it was left with by an earlier one of the same submission.
    pub remints_left: Option<u32>,
    /// The newest order to cancel it.
    pub order: Option<CancelOrder>,
}

impl History {
    /// What the job's record tells; no order, which the store does not hold.
    pub fn of(record: &JobRecord) -> Self {
        let is_under_way = record.reminted_at.is_some() && !record.state.is_final();
        Self {
            seen: record.input_etag.as_deref().and_then(|etag| etag.parse().ok()),
            has_succeeded: record.state == State::Succeeded,
            remints: record.remints_made,
            remints_allowed: record.remints_allowed,
            remints_left: record.remints_left.filter(|_| is_under_way),
            order: None,
        }
    }
}

/// What is to be done.
#[derive(Debug)]
pub enum Verdict {
    /// Mint and enqueue this.
    Mint(Box<JobPlan>),
    /// Nothing, the job is elsewhere or done.
    LetGo {
        /// Which of the two.
        why: &'static str,
    },
    /// Say that it was cancelled.
    Cancelled {
        /// The order's words.
        detail: String,
    },
    /// Put it into `dead`.
    PutAway {
        /// The code there.
        reason: Reason,
        /// Why.
        detail: String,
    },
}

/// Decides about one letter.
pub(super) fn judge(signer: &Signer, letter: &DeadLetter, history: &History, remints_max: u32) -> Verdict {
    if history.has_succeeded {
        return Verdict::LetGo { why: "it has succeeded" };
    }
    let message = match JobMessage::decode(letter.body()) {
        Ok(message) => message,
        Err(cause) => return put_away(&ReplayError::NotAJob(cause)),
    };
    if let Some(order) = history.order.as_ref().filter(|order| order.is_for(message.submitted_at)) {
        return Verdict::Cancelled { detail: order.detail.to_string() };
    }
    // The copy of a letter whose message was sent before: a reminter was killed between the two.
    if history.remints_left.is_some_and(|left| left < message.remints) {
        return Verdict::LetGo { why: "it was minted anew before" };
    }
    // The producer's own word, where there is one: the letter's may be anybody's.
    let most = history.remints_allowed.map_or(remints_max, |allowed| allowed.min(remints_max));
    if message.remints > 0 && history.remints >= most {
        let detail = format!("its grants were minted anew {} times, and no more is allowed", history.remints);
        return Verdict::PutAway { reason: Reason::GrantExpired, detail };
    }
    match plan_anew(signer, letter, history.seen.clone()) {
        Ok(plan) => Verdict::Mint(Box::new(plan)),
        Err(error) => put_away(&error),
    }
}

fn put_away(error: &ReplayError) -> Verdict {
    let mut detail = format!("not minted anew: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        detail = format!("{detail}: {cause}");
        source = cause.source();
    }
    Verdict::PutAway { reason: error.reason(), detail }
}

/// The job that a letter is of, as its id says.
pub(super) fn job_of(letter: &DeadLetter) -> Option<JobId> {
    letter.message_id.as_deref().and_then(|id| id.parse().ok())
}

/// The report of a letter's end.
pub(super) fn ended(letter: &DeadLetter, reason: Reason, detail: &str) -> ReportData {
    let not_after = JobMessage::decode(letter.body()).ok().map(|message| message.not_after);
    ReportData::Expired(Expired { reason, detail: detail.into(), not_after, remints_left: 0 })
}
