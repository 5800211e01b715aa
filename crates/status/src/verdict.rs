//! What storage says of an output, against what was reported. Storage's word counts.
//! Must never call an output verified whose blob is not this very job's.

use jiff::Timestamp;
use valet_protocol::{Reason, Stored};

use crate::record::{JobRecord, StoredOutput};
use crate::state::State;

/// An output that somebody with the right to read should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToVerify {
    /// `account/container/blob`.
    pub blob: String,
}

/// What storage tells of a blob without its bytes being read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredFacts {
    /// Size in bytes.
    pub bytes: Option<u64>,
    /// Metadata `job`.
    pub job: Option<String>,
    /// Metadata `attempt`.
    pub attempt: Option<u32>,
    /// Metadata `sha256`.
    pub sha256: Option<String>,
    /// Content-MD5.
    pub md5: Option<String>,
    /// Content type.
    pub content_type: Option<String>,
}

/// What came of the look at a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// It is there.
    Blob(StoredFacts),
    /// There is no such blob.
    Absent,
    /// It cannot be looked at from here: another account's, or a name that nobody can be granted.
    Unknown,
}

impl JobRecord {
    /// The output to compare, if that was not done: of a success, or of an end that may be one. A blob that was in
    /// the way may be this job's own; and a worker may have stored it and died before it could say so, where its
    /// grants had died as well, or nobody could ask storage, when the job's end was told.
    pub fn to_verify(&self) -> Option<ToVerify> {
        let blob = match (self.state, &self.output, self.reason) {
            _ if self.looked_at.is_some() => return None,
            // What was submitted: a worker's word does not choose what it is compared with.
            (State::Succeeded, Some(output), _) => self.output_blob.as_ref().unwrap_or(&output.blob),
            (State::Failed, None, Some(Reason::OutputExists)) => self.output_blob.as_ref()?,
            (State::Expired | State::Dead | State::Cancelled, None, _) if self.was_begun() => {
                self.output_blob.as_ref()?
            }
            _ => return None,
        };
        Some(ToVerify { blob: blob.clone() })
    }

    /// Whether a worker came as far as to read the input.
    fn was_begun(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.started_at.is_some())
    }

    /// Takes in what storage says of the output. A success that does not hold becomes `failed` with
    /// `output-mismatch`; a failure whose blob is this job's own becomes a success. Only the first word counts.
    pub fn judge(&mut self, sight: &Sight, now: Timestamp) {
        if self.to_verify().is_none() {
            return;
        }
        self.looked_at = Some(now);
        let facts = match sight {
            Sight::Unknown => return,
            Sight::Absent => None,
            Sight::Blob(facts) => Some(facts),
        };
        let id = self.id.to_string();
        match &mut self.output {
            Some(output) => {
                match misnamed(output, self.output_blob.as_deref()).or_else(|| problem(&id, output, facts)) {
                    Some(problem) => {
                        output.verified = Some(false);
                        self.state = State::Failed;
                        let reason = Reason::OutputMismatch;
                        self.set_reason(Some(reason), &problem, Some(reason.advice()));
                    }
                    None => {
                        adopt(output, facts);
                        output.verified = Some(true);
                    }
                }
            }
            None => self.find_own(&id, facts),
        }
    }

    /// The blob is there although no success was told: it counts if this job stored it.
    fn find_own(&mut self, id: &str, facts: Option<&StoredFacts>) {
        let (Some(facts), Some(blob)) = (facts, self.output_blob.clone()) else { return };
        if facts.job.as_deref() != Some(id) {
            return;
        }
        let mut output = StoredOutput {
            blob,
            bytes: None,
            content_type: None,
            sha256: None,
            md5: None,
            stored: Stored::Found,
            attempt: facts.attempt.unwrap_or_default(),
            total_ms: 0,
            timings: None,
            duration_seconds: None,
            verified: Some(true),
        };
        adopt(&mut output, Some(facts));
        self.become_done(self.ended_at.unwrap_or(self.begun_at()));
        self.output = Some(output);
    }
}

/// What storage holds is what there is, whoever of the job's copies wrote it.
fn adopt(output: &mut StoredOutput, facts: Option<&StoredFacts>) {
    let Some(facts) = facts else { return };
    output.bytes = facts.bytes.or(output.bytes);
    output.content_type = facts.content_type.clone().or(output.content_type.take());
    if facts.sha256 != output.sha256 {
        // Another copy's file: its MD5 too, or none.
        output.md5 = None;
    }
    output.sha256 = facts.sha256.clone();
    output.md5 = facts.md5.clone().or(output.md5.take());
}

/// Whether the worker says that it stored another blob than the submitted one.
fn misnamed(output: &StoredOutput, submitted: Option<&str>) -> Option<String> {
    let other = submitted.filter(|submitted| !is_named(&output.blob, submitted))?;
    Some(format!("{} was reported as stored, and the job is to store {other}", output.blob))
}

/// Whether both name one blob: workers escape what could reorder a line.
pub(crate) fn is_named(told: &str, submitted: &str) -> bool {
    let mut rest = told;
    let is_next = |c: char| {
        let next =
            rest.strip_prefix(c).or_else(|| rest.strip_prefix(c.escape_unicode().to_string().as_str()));
        rest = next.unwrap_or_default();
        next.is_some()
    };
    submitted.chars().all(is_next) && rest.is_empty()
}

/// What is wrong with the stored blob; nothing if it is the reported output.
fn problem(id: &str, output: &StoredOutput, facts: Option<&StoredFacts>) -> Option<String> {
    let Some(facts) = facts else {
        return Some("the output was reported as stored, and storage has no such blob".to_owned());
    };
    match facts.job.as_deref() {
        Some(job) if job == id => {}
        Some(_) => return Some("the blob says that it is another job's output".to_owned()),
        None => return Some("the blob does not say that it is this job's output".to_owned()),
    }
    let Some(attempt) = facts.attempt else {
        return Some("the blob does not say which attempt stored it".to_owned());
    };
    if facts.sha256.is_none() {
        return Some("the blob does not say the hash of its content".to_owned());
    }
    if output.stored != Stored::Created {
        // Not this attempt's write, perhaps: an earlier one's, or the same one's before a redelivery.
        let is_later = attempt > output.attempt;
        return is_later.then(|| format!("attempt {attempt} stored it, and {} found it", output.attempt));
    }
    if attempt != output.attempt {
        return Some(format!("attempt {attempt} stored it, and {} was reported", output.attempt));
    }
    if output.bytes != facts.bytes {
        let [said, held] = [output.bytes, facts.bytes].map(Option::unwrap_or_default);
        return Some(format!("storage holds {held} bytes, and {said} were reported"));
    }
    if output.sha256 != facts.sha256 {
        return Some("its hash is not the reported one".to_owned());
    }
    let is_md5_other = facts.md5.is_some() && output.md5.is_some() && facts.md5 != output.md5;
    is_md5_other.then(|| "its MD5 is not the reported one".to_owned())
}
