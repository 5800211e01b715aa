//! What becomes of a letter of the queue `expired`, decided once and before anything is done.
//! Must never do I/O, nor grant what the letter alone asks for.

use jiff::Timestamp;
use valet_broker::DeadLetter;
use valet_mint::Signer;
use valet_protocol::{BlobText, CancelOrder, ETag, Expired, JobMessage, Reason, ReportData};
use valet_status::{JobRecord, State};

use crate::address::BlobAddress;
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
    /// What its producer said when it was submitted last; nothing if no producer did.
    pub submission: Option<Submission>,
    /// The fewest re-mints that it was left with by an earlier one of the same submission.
    pub remints_left: Option<u32>,
    /// The newest order to cancel it.
    pub order: Option<CancelOrder>,
}

/// What a producer's own report says of a job. Only producers may publish such a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// `account/container/blob`.
    pub input: String,
    /// The same of the output.
    pub output: String,
    /// `name@version`.
    pub preset: String,
    /// When it was submitted last; a later order to cancel is for it.
    pub submitted_at: Timestamp,
    /// How often new grants may be minted in all.
    pub remints: u32,
    /// When its grants were minted last.
    pub minted_at: Timestamp,
}

impl Submission {
    /// Of a job's record; none if no producer has reported it.
    pub fn of(record: &JobRecord) -> Option<Self> {
        Some(Self {
            input: record.input_blob.clone()?,
            output: record.output_blob.clone()?,
            preset: record.preset.clone()?,
            submitted_at: record.submitted_at?,
            remints: record.remints_allowed?,
            minted_at: record.reminted_at.or(record.submitted_at)?,
        })
    }

    /// Whether a letter asks for what was submitted, and for nothing else.
    fn is_of(&self, plan: &JobPlan, account: &str) -> bool {
        // As it was told: long names are cut there.
        let is = |told: &str, address: &BlobAddress| {
            told == BlobText::from(format!("{account}/{address}")).as_str()
        };
        is(&self.input, &plan.input)
            && is(&self.output, &plan.output)
            && self.preset == format!("{}@{}", plan.preset, plan.version)
    }
}

impl History {
    /// What the job's record tells; no order, which the store does not hold.
    pub fn of(record: &JobRecord) -> Self {
        let is_under_way = record.reminted_at.is_some() && !record.state.is_final();
        Self {
            seen: record.input_etag.as_deref().and_then(|etag| etag.parse().ok()),
            has_succeeded: record.state == State::Succeeded,
            remints: record.remints_made,
            submission: Submission::of(record),
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
    // Grants that some job once had prove nothing: a worker saw them, and may write letters.
    let Some(submission) = &history.submission else {
        let detail = "not minted anew: no producer has reported that it submitted this job".to_owned();
        return Verdict::PutAway { reason: Reason::GrantRefused, detail };
    };
    if let Some(order) = history.order.as_ref().filter(|order| order.is_for(submission.submitted_at)) {
        return Verdict::Cancelled { detail: order.detail.to_string() };
    }
    // The copy of a letter whose message was sent before: a reminter was killed between the two.
    if history.remints_left.is_some_and(|left| left < message.remints) {
        return Verdict::LetGo { why: "it was minted anew before" };
    }
    let most = submission.remints.min(remints_max);
    if message.remints > 0 && history.remints >= most {
        let detail = format!("its grants were minted anew {} times, and no more is allowed", history.remints);
        return Verdict::PutAway { reason: Reason::GrantExpired, detail };
    }
    let plan = match plan_anew(signer, letter, Some(submission), history.seen.clone()) {
        Ok(plan) => plan,
        Err(error) => return put_away(&error),
    };
    if !submission.is_of(&plan, signer.account().name()) {
        let detail = "not minted anew: its producer submitted this job for other blobs or another preset";
        return Verdict::PutAway { reason: Reason::GrantRefused, detail: detail.to_owned() };
    }
    let remints = plan.remints.min(most.saturating_sub(history.remints + 1));
    Verdict::Mint(Box::new(JobPlan { remints, submitted_at: Some(submission.submitted_at), ..plan }))
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

/// The report of a letter's end.
pub(super) fn ended(letter: &DeadLetter, reason: Reason, detail: &str) -> ReportData {
    let not_after = JobMessage::decode(letter.body()).ok().map(|message| message.not_after);
    ReportData::Expired(Expired { reason, detail: detail.into(), not_after, remints_left: 0 })
}
