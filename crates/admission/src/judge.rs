//! The judgement: everything that is wrong with a message, and what it would be taken as. It must never stop at the
//! first finding while there is more to say, and never fail, whatever the bytes.

use jiff::Timestamp;
use valet_grant::GrantPolicy;
use valet_protocol::{Detail, JobId, JobMessage, LaneRecord, Priority, Reason, salvage_id};

use crate::finding::{Finding, Rule};
use crate::{envelope, grants, narrow, work};

/// What this installation demands of every message, whatever its lane.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// What a grant must be like. A lane may narrow its lifetime and say its own hosts.
    pub grants: GrantPolicy,
    /// The longest that a job may run, in seconds; none: no limit but its preset's and its lane's.
    pub wall_seconds_max: Option<u32>,
}

/// What was judged of a message.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The job, if the bytes are one, with every limit narrowed to its lane's ceiling: what is to be sent on.
    pub message: Option<JobMessage>,
    /// The job's id, also that of a message which is none, as far as it can be read. Whoever wrote it chose it.
    pub id: Option<JobId>,
    /// Everything that was found, also what does not refuse it.
    pub findings: Vec<Finding>,
    /// Why it is refused, by the weightiest finding; none if it is taken.
    pub refusal: Option<Reason>,
    /// The longest that an attempt may take, in seconds, where there is a job.
    pub wall_seconds: u32,
}

impl Verdict {
    /// Whether the message is refused.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// What refuses it, each with its rule, for a report.
    #[must_use]
    pub fn what(&self) -> Detail {
        let lines = self.refusing().map(ToString::to_string).collect::<Vec<_>>();
        lines.join("; ").into()
    }

    /// What to change, each once, for a report.
    #[must_use]
    pub fn change(&self) -> String {
        let mut sentences: Vec<&str> = Vec::new();
        for finding in self.refusing() {
            if !sentences.contains(&finding.change.as_str()) {
                sentences.push(finding.change.as_str());
            }
        }
        sentences.join("; ")
    }

    fn refusing(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.refuses)
    }
}

/// Judges a message that lies on the queue of `lane` and `priority`, as of `now`. `user_id` is the login that the
/// broker saw publish it.
#[must_use]
pub fn judge(
    body: &[u8],
    user_id: Option<&str>,
    lane: &LaneRecord,
    priority: Priority,
    policy: &Policy,
    now: Timestamp,
) -> Verdict {
    let mut findings = Vec::new();
    findings.extend(envelope::publisher(user_id, lane));
    let message = match JobMessage::decode(body) {
        Ok(message) => message,
        Err(error) => {
            findings.push(Finding::of_decoding(&error));
            let refusal = weightiest(&findings);
            return Verdict { message: None, id: salvage_id(body), findings, refusal, wall_seconds: 0 };
        }
    };
    findings.extend(envelope::envelope(&message, lane, priority));
    let (plan, found) = work::work(&message, lane);
    findings.extend(found);
    let default = plan.map_or(0, |plan| plan.wall_seconds_default);
    let narrowed = narrow::narrow(message, &lane.limits, default);
    let wall_seconds = narrow::wall_seconds(&narrowed, default, policy.wall_seconds_max);
    findings.extend(grants::grants(&narrowed, lane, policy, wall_seconds, now));
    let refusal = weightiest(&findings);
    Verdict { id: Some(narrowed.id), message: Some(narrowed), findings, refusal, wall_seconds }
}

/// The reason that is told: what is wrong for good before what new grants could mend, and of each the first.
fn weightiest(findings: &[Finding]) -> Option<Reason> {
    let place = |rule| Rule::OF_MESSAGES.iter().position(|of| *of == rule).unwrap_or(usize::MAX);
    let passes = |reason| matches!(reason, Reason::GrantExpired | Reason::GrantTooShort);
    findings
        .iter()
        .filter(|finding| finding.refuses)
        .min_by_key(|finding| (passes(finding.reason), place(finding.rule)))
        .map(|finding| finding.reason)
}
