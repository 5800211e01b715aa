//! Rules about when the token works. `now` is given; no clock is read.

use jiff::Timestamp;

use super::Entry;
use crate::audit::Subject;
use crate::cause::Cause;
use crate::finding::{Finding, Rule, Severity};
use crate::limits::{LIFETIME_CRITICAL, LIFETIME_ENDLESS, START_MARGIN};
use crate::token::Field;
use crate::words::span;

pub(super) const SAS003: Entry = Entry {
    rule: Rule::Sas003,
    id: "SAS003",
    title: "lives too long",
    severity: Severity::Critical,
    reason: "A leaked grant works until it dies, and a service SAS cannot be revoked alone.",
    check: lifetime,
};

fn lifetime(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(expiry) = subject.token.expiry() else { return Vec::new() };
    let from = subject.token.start().map_or(subject.now, |start| start.max(subject.now));
    let (lifetime, max) = (expiry.duration_since(from), subject.policy.lifetime_max);
    if lifetime <= max {
        return Vec::new();
    }
    let endless = if lifetime > LIFETIME_ENDLESS { "practically never expires: " } else { "" };
    let message = format!("{endless}lives for {}, {} are allowed", span(lifetime), span(max));
    let severity = if lifetime > LIFETIME_CRITICAL { Severity::Critical } else { Severity::High };
    let finding = Finding::new(Rule::Sas003, message, format!("mint with `se` within {}", span(max)));
    vec![finding.at(severity).always()]
}

pub(super) const SAS009: Entry = Entry {
    rule: Rule::Sas009,
    id: "SAS009",
    title: "no useful expiry",
    severity: Severity::High,
    reason: "A grant must be alive for as long as the job may take; one that dies under way costs the whole work.",
    check: expiry,
};

fn expiry(subject: &Subject<'_>) -> Vec<Finding> {
    let token = &subject.token;
    let finding = match (token.field(Field::Expiry), token.validity()) {
        (None, _) if token.field(Field::Policy).is_some() => None,
        (None, _) => Some(Finding::new(Rule::Sas009, "`se` is missing", "mint with `se`")),
        (Some(_), None) => {
            Some(Finding::new(Rule::Sas009, "`se` is not a time", "write `se` as YYYY-MM-DDThh:mm:ssZ"))
        }
        (Some(_), Some(validity)) if validity.start.is_some_and(|start| validity.expiry <= start) => {
            Some(Finding::new(Rule::Sas009, "expires before it starts", "mint with `st` before `se`"))
        }
        (Some(_), Some(validity)) => remaining(subject, validity.expiry),
    };
    finding.map(Finding::always).into_iter().collect()
}

fn remaining(subject: &Subject<'_>, expiry: Timestamp) -> Option<Finding> {
    let (left, budget) = (expiry.duration_since(subject.now), subject.policy.time_budget);
    if !left.is_positive() {
        let message = format!("expired {} ago, at {expiry}", span(-left));
        return Some(Finding::new(Rule::Sas009, message, "mint a new grant").because(Cause::Expired));
    }
    let message = || format!("expires in {}, at {expiry}; the job may need {}", span(left), span(budget));
    let advice = || format!("mint with `se` at least {} ahead of the start of the work", span(budget));
    (left < budget).then(|| Finding::new(Rule::Sas009, message(), advice()).because(Cause::TooShort))
}

pub(super) const SAS012: Entry = Entry {
    rule: Rule::Sas012,
    id: "SAS012",
    title: "start invites clock skew",
    severity: Severity::Medium,
    reason: "Clocks differ by up to 15 minutes; a grant that starts now is refused elsewhere for a while.",
    check: start,
};

fn start(subject: &Subject<'_>) -> Vec<Finding> {
    const EARLIER: &str = "mint with `st` 15 minutes in the past, or without";
    let finding = match (subject.token.field(Field::Start), subject.token.start()) {
        (None, _) if subject.policy.start_required => Some(Finding::new(
            Rule::Sas012,
            "`st` is missing, the account's expiration policy wants it",
            "mint with `st`",
        )),
        (None, _) => None,
        (Some(_), None) => {
            let finding =
                Finding::new(Rule::Sas012, "`st` is not a time", "write `st` as YYYY-MM-DDThh:mm:ssZ");
            Some(finding.at(Severity::High).always())
        }
        (Some(_), Some(start)) => {
            skew(subject.now, start).map(|message| Finding::new(Rule::Sas012, message, EARLIER))
        }
    };
    finding.into_iter().collect()
}

fn skew(now: Timestamp, start: Timestamp) -> Option<String> {
    let ago = now.duration_since(start);
    match () {
        () if ago.is_negative() => Some(format!("is not valid yet, only in {}", span(-ago))),
        () if ago < START_MARGIN => Some(format!("started only {} ago", span(ago))),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn sas003_a_life_over_the_maximum_is_refused_the_longer_the_worse() {
        fires(&input().set("se", "2026-01-17T10:00:01Z").without("st"), Rule::Sas003, Severity::High);
        fires(&input().set("se", "2026-01-29"), Rule::Sas003, Severity::Critical);
        let found = fires(&input().set("se", "2051-10-06"), Rule::Sas003, Severity::Critical);
        assert!(found.message.starts_with("practically never expires"), "{found}");
        silent(&input().set("se", "2026-01-16T10:00:00Z").without("st"), Rule::Sas003);
        silent(&input(), Rule::Sas003);
    }

    #[test]
    fn sas009_an_expiry_must_be_there_and_ahead() {
        for se in ["garbage", "2026-01-15T10:00:00Z", "2026-01-15T09:00:00Z", "2025-01-01"] {
            fires(&input().set("se", se), Rule::Sas009, Severity::High);
        }
        fires(&input().without("se"), Rule::Sas009, Severity::High);
        fires(&input().set("st", "2026-01-15T12:00:00Z"), Rule::Sas009, Severity::High);
        silent(&input(), Rule::Sas009);
        silent(&input().without("se").set("si", "policy"), Rule::Sas009);
    }

    #[test]
    fn sas009_knows_the_time_that_the_job_needs_and_the_life_of_the_key() {
        let policy = |minutes| budget(minutes);
        fires(&input().policy(policy(91)), Rule::Sas009, Severity::High);
        silent(&input().policy(policy(90)), Rule::Sas009);
        fires(
            &delegated(input()).set("ske", "2026-01-15T10:30:00Z").policy(policy(60)),
            Rule::Sas009,
            Severity::High,
        );
    }

    #[test]
    fn sas012_a_start_leaves_room_for_clock_skew() {
        fires(&input().set("st", "2026-01-15T09:58Z"), Rule::Sas012, Severity::Medium);
        fires(&input().set("st", "2026-01-15T10:20:00Z"), Rule::Sas012, Severity::Medium);
        fires(&input().set("st", "yesterday"), Rule::Sas012, Severity::High);
        fires(&input().without("st").policy(start_required()), Rule::Sas012, Severity::Medium);
        silent(&input(), Rule::Sas012);
        silent(&input().without("st"), Rule::Sas012);
    }
}
