//! Rules about what signed the token and under which rules of storage.

use super::Entry;
use crate::audit::Subject;
use crate::finding::{Finding, Rule, Severity};
use crate::limits::DELEGATION_KEY_LIFETIME_MAX;
use crate::token::Field;
use crate::version;
use crate::words::span;
use crate::{GrantKind, SasToken};

pub(super) const SAS010: Entry = Entry {
    rule: Rule::Sas010,
    id: "SAS010",
    title: "service SAS where a user delegation SAS is policy",
    severity: Severity::High,
    reason: "A user delegation SAS is bound to an identity and its roles; a service SAS means an account key is about.",
    check: kind,
};

fn kind(subject: &Subject<'_>) -> Vec<Finding> {
    // All fields, not any: one stray field makes no user delegation SAS.
    let delegated = Field::DELEGATION.into_iter().all(|field| subject.token.field(field).is_some());
    let wrong = subject.policy.user_delegation_required && !delegated;
    let message = "not a user delegation SAS, which the policy wants";
    let advice = "sign with a user delegation key of Entra ID, not with an account key";
    wrong.then(|| Finding::new(Rule::Sas010, message, advice)).into_iter().collect()
}

pub(super) const SAS011: Entry = Entry {
    rule: Rule::Sas011,
    id: "SAS011",
    title: "stored access policy",
    severity: Severity::Medium,
    reason: "With `si`, rights and times may live in storage, where a reader of the token cannot see them.",
    check: stored,
};

fn stored(subject: &Subject<'_>) -> Vec<Finding> {
    let token = &subject.token;
    if token.field(Field::Policy).is_none() {
        return Vec::new();
    }
    if token.field(Field::Permissions).is_none() || token.field(Field::Expiry).is_none() {
        let message = "rights or expiry are left to a stored access policy (`si`) and cannot be checked";
        let finding = Finding::new(Rule::Sas011, message, "mint with `sp` and `se` in the token");
        return vec![finding.at(Severity::High).always()];
    }
    let message = match token.kind() {
        GrantKind::UserDelegation => "a user delegation SAS cannot name a stored access policy (`si`)",
        GrantKind::Service => "`si` beside `sp` and `se`: refused if the stored policy sets them too",
    };
    vec![Finding::new(Rule::Sas011, message, "keep rights and times in one place")]
}

pub(super) const SAS013: Entry = Entry {
    rule: Rule::Sas013,
    id: "SAS013",
    title: "odd storage version",
    severity: Severity::Medium,
    reason: "`sv` chooses the rules by which storage reads the token; old ones cannot insist on https.",
    check: version,
};

fn version(subject: &Subject<'_>) -> Vec<Finding> {
    const ADVICE: &str = "mint with `sv=2022-11-02`";
    let finding = match subject.token.version() {
        None => {
            Finding::new(Rule::Sas013, "`sv` is missing or no version", ADVICE).at(Severity::High).always()
        }
        Some(sv) if sv < version::WITH_PROTOCOL => {
            let message = format!("`sv={sv}` knows neither `spr` nor `sip`");
            Finding::new(Rule::Sas013, message, ADVICE).at(Severity::Critical)
        }
        Some(sv) if sv < version::MODERN => {
            Finding::new(Rule::Sas013, format!("`sv={sv}` is older than {}", version::MODERN), ADVICE)
        }
        Some(sv) if !version::is_known(sv) => {
            Finding::new(Rule::Sas013, format!("`sv={sv}` is unknown"), ADVICE)
        }
        Some(_) => return Vec::new(),
    };
    vec![finding]
}

pub(super) const SAS014: Entry = Entry {
    rule: Rule::Sas014,
    id: "SAS014",
    title: "user delegation key does not fit",
    severity: Severity::Medium,
    reason: "A user delegation SAS dies with its key, whatever its own expiry says.",
    check: delegation,
};

fn delegation(subject: &Subject<'_>) -> Vec<Finding> {
    let token = &subject.token;
    if token.kind() == GrantKind::Service {
        return Vec::new();
    }
    let messages = [missing(token), service(token), early(token), long(token), late(subject)];
    let advice = "ask for a user delegation key that covers the grant, and copy its fields as they came";
    messages.into_iter().flatten().map(|message| Finding::new(Rule::Sas014, message, advice)).collect()
}

fn missing(token: &SasToken) -> Option<String> {
    let absent = Field::DELEGATION.into_iter().filter(|field| token.field(*field).is_none());
    let names: Vec<_> = absent.map(Field::name).collect();
    (!names.is_empty()).then(|| format!("fields of the key are missing: {}", names.join(", ")))
}

fn service(token: &SasToken) -> Option<String> {
    let other = token.field(Field::KeyService).is_some_and(|service| service != "b");
    other.then(|| "`sks` is not `b`: the key is not for blobs".to_owned())
}

fn early(token: &SasToken) -> Option<String> {
    token.field(Field::KeyExpiry)?;
    let Some(key) = token.time(Field::KeyExpiry) else { return Some("`ske` is not a time".to_owned()) };
    let gap = token.expiry()?.duration_since(key);
    gap.is_positive().then(|| format!("the key expires {} before the grant", span(gap)))
}

fn long(token: &SasToken) -> Option<String> {
    let life = token.time(Field::KeyExpiry)?.duration_since(token.time(Field::KeyStart)?);
    (life > DELEGATION_KEY_LIFETIME_MAX)
        .then(|| format!("the key lives for {}, storage gives 7 d", span(life)))
}

fn late(subject: &Subject<'_>) -> Option<String> {
    let start = subject.token.time(Field::KeyStart)?;
    (start > subject.now).then(|| format!("the key is not valid yet, only from {start}"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn sas010_a_policy_may_want_user_delegation() {
        fires(&input().policy(delegation_required()), Rule::Sas010, Severity::High);
        fires(&input().set("skoid", GUID).policy(delegation_required()), Rule::Sas010, Severity::High);
        silent(&delegated(input()).policy(delegation_required()), Rule::Sas010);
        silent(&input(), Rule::Sas010);
    }

    #[test]
    fn sas011_a_stored_policy_hides_what_the_token_does() {
        fires(&input().set("si", "policy"), Rule::Sas011, Severity::Medium);
        fires(&input().set("si", "policy").without("sp"), Rule::Sas011, Severity::High);
        fires(&input().set("si", "policy").without("se"), Rule::Sas011, Severity::High);
        fires(&delegated(input()).set("si", "policy"), Rule::Sas011, Severity::Medium);
        silent(&input(), Rule::Sas011);
    }

    #[test]
    fn sas013_the_version_is_a_known_one() {
        fires(&input().set("sv", "2015-02-21"), Rule::Sas013, Severity::Critical);
        fires(&input().set("sv", "2015-04-05"), Rule::Sas013, Severity::Medium);
        fires(&input().set("sv", "2020-10-02"), Rule::Sas013, Severity::Medium);
        fires(&input().set("sv", "2099-01-01"), Rule::Sas013, Severity::Medium);
        fires(&input().set("sv", "garbage"), Rule::Sas013, Severity::High);
        fires(&input().without("sv"), Rule::Sas013, Severity::High);
        for sv in version::KNOWN.iter().filter(|sv| **sv >= version::MODERN) {
            silent(&input().set("sv", sv), Rule::Sas013);
        }
    }

    #[test]
    fn sas014_the_key_covers_the_grant() {
        fires(&delegated(input()).set("ske", "2026-01-15T11:00:00Z"), Rule::Sas014, Severity::Medium);
        fires(&delegated(input()).set("ske", "2026-01-29"), Rule::Sas014, Severity::Medium);
        fires(&delegated(input()).set("ske", "soon"), Rule::Sas014, Severity::Medium);
        fires(&delegated(input()).set("skt", "2026-01-15T10:01:00Z"), Rule::Sas014, Severity::Medium);
        fires(&delegated(input()).set("sks", "q"), Rule::Sas014, Severity::Medium);
        for field in ["skoid", "sktid", "skt", "ske", "sks", "skv"] {
            fires(&delegated(input()).without(field), Rule::Sas014, Severity::Medium);
        }
        silent(&delegated(input()), Rule::Sas014);
        silent(&input(), Rule::Sas014);
    }
}
