//! The two grants of a message, by the audit's rules under the lane's policy.

use jiff::{SignedDuration, Timestamp};
use valet_grant::{GrantPolicy, GrantUrl, HostRules, ReadGrant, WriteGrant, audit_pair};
use valet_protocol::{Grants, JobMessage, LaneRecord, Reason, SealedGrants};

use crate::finding::{Finding, Rule};
use crate::judge::Policy;

/// How far a sender's clock may be ahead of ours.
const SKEW: SignedDuration = SignedDuration::from_mins(15);

/// Everything that is wrong with them, and with the time that the message gives itself.
pub(crate) fn grants(
    message: &JobMessage,
    lane: &LaneRecord,
    policy: &Policy,
    wall_seconds: u32,
    now: Timestamp,
) -> Vec<Finding> {
    let policy = of_lane(&policy.grants, lane, wall_seconds);
    let mut findings = times(message, &policy, now);
    match &message.grants {
        Grants::Open { input, output } => {
            findings.extend(in_clear(lane));
            findings.extend(open(input, output, &policy, now));
        }
        Grants::Sealed(sealed) => findings.extend(bound(sealed, message)),
    }
    findings
}

fn in_clear(lane: &LaneRecord) -> Option<Finding> {
    lane.sealed_only.then(|| {
        let change = "Seal the two grants to the fleet's public key, and send them as the field sealed.";
        Finding::new(Rule::Sealed, Reason::GrantRefused, "the lane takes sealed grants alone", change)
    })
}

/// Nobody here can open them. What is in them is judged by the worker, after it has.
fn bound(sealed: &SealedGrants, message: &JobMessage) -> Option<Finding> {
    (!sealed.header().binds(message)).then(|| {
        let what = "the sealed grants are bound to another job, lane, preset or not_after than the message's";
        let change = "Seal anew for each message: the header's job, lane, preset (name/version) and exp (whole \
                      seconds of not_after) are those of the message.";
        Finding::new(Rule::Sealed, Reason::SealedRefused, what, change)
    })
}

/// The program's policy as the lane narrows it. A lane's hosts stand in the place of the program's: a partner's
/// storage may have names of its own.
fn of_lane(policy: &GrantPolicy, lane: &LaneRecord, wall_seconds: u32) -> GrantPolicy {
    let lifetime = lane.lifetime_seconds_max.map(|seconds| SignedDuration::from_secs(i64::from(seconds)));
    let patterns = if lane.hosts.is_empty() { policy.hosts.patterns.clone() } else { lane.hosts.clone() };
    GrantPolicy {
        lifetime_max: lifetime.map_or(policy.lifetime_max, |lifetime| lifetime.min(policy.lifetime_max)),
        time_budget: SignedDuration::from_secs(i64::from(wall_seconds)),
        hosts: HostRules { patterns, ..policy.hosts.clone() },
        ..policy.clone()
    }
}

fn times(message: &JobMessage, policy: &GrantPolicy, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |reason, what: &str, change: &str| {
        findings.push(Finding::new(Rule::Time, reason, what, change));
    };
    if message.not_after <= now {
        let change = "Mint new grants, set not_after to the earlier expiry of the two, and publish again.";
        find(Reason::GrantExpired, "the message's not_after has passed", change);
    } else if message.not_after.duration_since(now) < policy.time_budget {
        let seconds = policy.time_budget.as_secs();
        let what = format!("the message ends before the {seconds} s that its job may take");
        let change = "Mint grants that live longer and set not_after to match, or lower limits.wall_seconds.";
        find(Reason::GrantTooShort, &what, change);
    }
    if message.not_after.duration_since(now) > policy.lifetime_max {
        let what = format!("not_after is more than {} s ahead", policy.lifetime_max.as_secs());
        find(
            Reason::BadMessage,
            &what,
            "Set not_after to the earlier expiry of the two grants, and mint shorter ones.",
        );
    }
    if message.submitted_at.duration_since(now) > SKEW {
        let what = format!("submitted_at is more than {} s ahead", SKEW.as_secs());
        find(Reason::BadMessage, &what, "Set submitted_at to the time of submission, and check the clock.");
    }
    findings
}

fn open(input: &GrantUrl, output: &GrantUrl, policy: &GrantPolicy, now: Timestamp) -> Vec<Finding> {
    let reason = reason(input, output, policy, now);
    let found = audit_pair(input, output, policy, now);
    found.into_iter().map(|finding| of_audit(&finding, policy, reason)).collect()
}

fn of_audit(finding: &valet_grant::Finding, policy: &GrantPolicy, reason: Reason) -> Finding {
    let whose = finding.role.map_or_else(|| "both grants".to_owned(), |role| format!("{role} grant"));
    Finding {
        rule: Rule::Grant(finding.rule),
        severity: finding.severity,
        refuses: finding.refuses(policy),
        what: format!("{whose}: {}", finding.message).into(),
        change: finding.advice.as_str().into(),
        // What two grants are together, no later pair of the same kind mends.
        reason: if finding.role.is_some() { reason } else { Reason::GrantRefused },
    }
}

/// Why the two are refused, if they are: what new grants of the same kind could not mend before what they could.
fn reason(input: &GrantUrl, output: &GrantUrl, policy: &GrantPolicy, now: Timestamp) -> Reason {
    let read = ReadGrant::parse(input.clone(), policy, now).err();
    let write = WriteGrant::parse(output.clone(), policy, now).err();
    let errors: Vec<_> = read.into_iter().chain(write).collect();
    let other = |error: &&_| !valet_grant::GrantError::is_expired(error) && !error.is_too_short();
    match errors.iter().find(other).or(errors.first()) {
        Some(error) if errors.iter().any(valet_grant::GrantError::is_expired) && !other(&error) => {
            Reason::GrantExpired
        }
        Some(error) if error.is_too_short() => Reason::GrantTooShort,
        Some(error) if error.is_wrong_right() => Reason::GrantWrongRight,
        // Both are fine alone, or break another rule.
        _ => Reason::GrantRefused,
    }
}
