//! What the dispatcher publishes: a job for the workers, a report, a dead letter. Built anew out of what was judged:
//! of a sender's headers the trace alone goes on, so that none that was forged ever does.
//!
//! No report may hold a grant; its types cannot. A letter holds the message as it came, for a person to look at.

use std::time::Duration;

use jiff::Timestamp;
use valet_admission::Verdict;
use valet_broker::{Outgoing, topology::names};
use valet_grant::GrantUrl;
use valet_protocol::{
    BlobText, Dead, Detail, EncodeError, Expired, Failed, JobId, JobMessage, Lane, LaneKind, LaneRecord,
    MESSAGE_BYTES_MAX, Reason, Report, ReportData, Submitted, WorkerName, amqp,
};

/// What an input or output is called in reports where only workers can read its grant.
const SEALED: &str = "sealed";

/// What came with a message, as its sender wrote it.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// Its bytes.
    pub body: &'a [u8],
    /// AMQP `message_id`.
    pub message_id: Option<&'a str>,
    /// The login that the broker saw publish it.
    pub user_id: Option<&'a str>,
    /// The header `traceparent`.
    pub traceparent: Option<&'a str>,
}

/// How a message ends that is not sent on.
#[derive(Debug, Clone)]
pub struct End {
    /// Why.
    pub reason: Reason,
    /// What is wrong.
    pub detail: Detail,
    /// What to change.
    pub advice: String,
    /// The job's id, as far as it can be read.
    pub id: Option<JobId>,
    /// The job, if the message is one.
    pub message: Option<JobMessage>,
    /// Whether the broker ended it after it had come back too often.
    pub is_lost: bool,
}

impl End {
    /// The end of a refused message; none if it is taken.
    #[must_use]
    pub fn of_refusal(verdict: &Verdict) -> Option<Self> {
        Some(Self {
            reason: verdict.refusal?,
            detail: verdict.what(),
            advice: verdict.change(),
            id: verdict.id,
            message: verdict.message.clone(),
            is_lost: false,
        })
    }

    /// Whether new grants could mend it, and nothing else.
    fn is_expired(&self) -> bool {
        matches!(self.reason, Reason::GrantExpired | Reason::GrantTooShort)
    }

    fn attempt(&self) -> u32 {
        self.message.as_ref().map_or(1, |message| message.attempts_before.saturating_add(1))
    }

    fn data(&self) -> ReportData {
        let Self { reason, detail, .. } = self;
        match self {
            Self { is_lost: true, .. } => ReportData::Dead(Dead { reason: *reason, detail: detail.clone() }),
            Self { message, .. } if self.is_expired() => ReportData::Expired(Expired {
                reason: *reason,
                detail: detail.clone(),
                not_after: message.as_ref().map(|message| message.not_after),
                remints_left: message.as_ref().map_or(0, |message| message.remints),
            }),
            Self { advice, .. } => ReportData::Failed(Failed {
                reason: *reason,
                detail: detail.clone(),
                advice: advice.as_str().into(),
            }),
        }
    }
}

/// The job for the workers: exactly what was judged, with the limits of its lane.
///
/// # Errors
/// When it is too large with these limits.
pub fn job(message: &JobMessage, traceparent: Option<&str>, now: Timestamp) -> Result<Outgoing, EncodeError> {
    let mut job = Outgoing::new(names::JOBS, names::JOBS_KEY, message.id.to_string(), message.encode()?);
    job.type_ = Some(amqp::JOB_TYPE.to_owned());
    job.content_type = Some(amqp::CONTENT_TYPE.to_owned());
    job.priority = Some(message.priority.amqp());
    job.timestamp = Some(message.submitted_at);
    let left = message.not_after.duration_since(now).as_millis();
    job.expiration =
        Some(Duration::from_millis(u64::try_from(left).unwrap_or_default().clamp(1, u32::MAX.into())));
    job.headers.extend(trace(traceparent));
    Ok(job)
}

/// Says of a partner's job what a producer says of its own: that it is on its way.
#[must_use]
pub fn submitted(message: &JobMessage, wall_seconds: u32, name: &WorkerName, now: Timestamp) -> Outgoing {
    let urls = message.grants.urls();
    let place = |url: Option<&GrantUrl>| url.map_or_else(|| BlobText::new(SEALED), blob);
    let tags = message.tags.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into()));
    let data = ReportData::Submitted(Box::new(Submitted {
        preset: message.preset.name.as_str().into(),
        version: message.preset.version,
        input: place(urls.map(|(input, _)| input)),
        output: place(urls.map(|(_, output)| output)),
        tags: tags.collect(),
        priority: message.priority,
        submitted_at: message.submitted_at,
        not_after: message.not_after,
        wall_seconds,
        remints: message.remints,
    }));
    report(message.id, &message.lane, 1, name, now, data)
}

/// Says how a message of `lane` ended; nothing if nobody can tell which job it was.
#[must_use]
pub fn ended(end: &End, lane: &Lane, name: &WorkerName, now: Timestamp) -> Option<Outgoing> {
    Some(report(end.id?, lane, end.attempt(), name, now, end.data()))
}

/// The dead letter of a message. A job of our own whose grants died lies where the reminter looks; a partner's does
/// not, since nobody here can mint for it.
#[must_use]
pub fn letter(end: &End, given: Given<'_>, record: &LaneRecord, name: &WorkerName) -> Outgoing {
    let is_own = record.kind == LaneKind::Own;
    let key = if is_own && end.is_expired() && !end.is_lost { names::EXPIRED } else { names::DEAD };
    // A message beyond the limit is no job and never will be: its beginning is enough to look at.
    let body = &given.body[..given.body.len().min(MESSAGE_BYTES_MAX)];
    let id = end.id.map(|id| id.to_string()).or_else(|| given.message_id.map(short));
    let mut letter = Outgoing::new(names::DEAD, key, id.unwrap_or_default(), body);
    letter.type_ = Some(amqp::JOB_TYPE.to_owned());
    letter.content_type = Some(amqp::CONTENT_TYPE.to_owned());
    letter.priority = end.message.as_ref().map(|message| message.priority.amqp());
    letter.timestamp = end.message.as_ref().map(|message| message.submitted_at);
    let mut header = |name: &str, value: String| letter.headers.push((name.to_owned(), value));
    header(amqp::REASON, end.reason.code().to_owned());
    header(amqp::DETAIL, end.detail.as_str().to_owned());
    header(amqp::ATTEMPT, end.attempt().to_string());
    header(amqp::WORKER, name.to_string());
    // What the message says of its lane is its sender's word; the queue that it came from is not.
    header(amqp::LANE, record.lane.to_string());
    if let Some(user) = given.user_id {
        header(amqp::USER_ID, short(user));
    }
    letter.headers.extend(trace(given.traceparent));
    letter
}

/// `account/container/blob` where the URL has one; the audit let it pass.
fn blob(url: &GrantUrl) -> BlobText {
    let policy = valet_grant::GrantPolicy::default();
    let plain = url.redacted();
    let path = plain.split_once("://").map_or("", |(_, rest)| rest);
    let (host, path) = path.split_once('/').unwrap_or((path, ""));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    // An emulator has the account in the path; storage's own hosts have it in their name.
    match policy.hosts.allows(host) {
        true => format!("{}/{path}", host.split('.').next().unwrap_or_default()).into(),
        false => path.into(),
    }
}

fn report(
    job: JobId,
    lane: &Lane,
    attempt: u32,
    name: &WorkerName,
    time: Timestamp,
    data: ReportData,
) -> Outgoing {
    let report = Report { job, lane: lane.clone(), attempt, redelivery: 0, worker: name.clone(), time, data };
    Outgoing::report(&report)
}

/// The trace, if it is one.
fn trace(traceparent: Option<&str>) -> Option<(String, String)> {
    let sound = traceparent.filter(|text| amqp::is_traceparent(text))?;
    Some((amqp::TRACEPARENT.to_owned(), sound.to_owned()))
}

/// A sender's text as a property of ours: printable, and no longer than AMQP has room for.
fn short(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(60).collect()
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
