//! A clean grant and small changes to it, for the tests of the rules. Tests only.

use jiff::{SignedDuration, Timestamp};

use crate::finding::{Finding, Rule, Severity};
use crate::policy::GrantPolicy;
use crate::{GrantUrl, Role, audit};

pub(crate) const SIGNATURE: &str = "E/zo2LSaR7puWUeBQ7T3jyMdVcboiTqhRr9aztxPZ44=";
pub(crate) const SNAPSHOT: &str = "2026-01-15T09:00:00.1234567Z";
pub(crate) const GUID: &str = "11111111-2222-3333-4444-555555555555";

/// A URL under construction, with the role and policy under which it is judged at 2026-01-15T10:00:00Z.
#[derive(Clone)]
pub(crate) struct Draft {
    role: Role,
    policy: GrantPolicy,
    scheme: String,
    host: String,
    path: String,
    query: Vec<(String, String)>,
    suffix: String,
}

/// A clean grant to read; it lives for 90 minutes more.
pub(crate) fn input() -> Draft {
    draft(Role::Input, "/media-in/a.mov", "r")
}

/// A clean grant to create; it lives for 90 minutes more.
pub(crate) fn output() -> Draft {
    draft(Role::Output, "/media-out/a.mp4", "c")
}

fn draft(role: Role, path: &str, sp: &str) -> Draft {
    let query = [
        ("sv", "2022-11-02"),
        ("st", "2026-01-15T09:45:00Z"),
        ("se", "2026-01-15T11:30:00Z"),
        ("sr", "b"),
        ("sp", sp),
        ("spr", "https"),
        ("sig", SIGNATURE),
    ];
    Draft {
        role,
        policy: strict(),
        scheme: "https".into(),
        host: "acct.blob.core.windows.net".into(),
        path: path.into(),
        query: query.map(|(name, value)| (name.into(), value.into())).to_vec(),
        suffix: String::new(),
    }
}

/// The same grant signed by a user delegation key.
pub(crate) fn delegated(draft: Draft) -> Draft {
    let draft = draft.set("skoid", GUID).set("sktid", GUID).set("sks", "b").set("skv", "2022-11-02");
    draft.set("skt", "2026-01-15T09:00:00Z").set("ske", "2026-01-16T09:00:00Z")
}

/// The same grant on the emulator, where the policy allows it.
pub(crate) fn on_emulator(draft: Draft) -> Draft {
    let path = format!("/devstoreaccount1{}", draft.path);
    draft
        .scheme("http")
        .host("127.0.0.1:10000")
        .path(&path)
        .set("spr", "https,http")
        .policy(GrantPolicy::loopback())
}

pub(crate) fn strict() -> GrantPolicy {
    GrantPolicy::default()
}

pub(crate) fn budget(minutes: i64) -> GrantPolicy {
    GrantPolicy { time_budget: SignedDuration::from_mins(minutes), ..strict() }
}

pub(crate) fn delegation_required() -> GrantPolicy {
    GrantPolicy { user_delegation_required: true, ..strict() }
}

pub(crate) fn start_required() -> GrantPolicy {
    GrantPolicy { start_required: true, ..strict() }
}

pub(crate) fn now() -> Timestamp {
    "2026-01-15T10:00:00Z".parse().unwrap()
}

impl Draft {
    pub(crate) fn set(self, name: &str, value: &str) -> Self {
        let mut draft = self.without(name);
        draft.query.push((name.into(), value.into()));
        draft
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.query.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn scheme(self, scheme: &str) -> Self {
        Self { scheme: scheme.into(), ..self }
    }

    pub(crate) fn host(self, host: &str) -> Self {
        Self { host: host.into(), ..self }
    }

    pub(crate) fn path(self, path: &str) -> Self {
        Self { path: path.into(), ..self }
    }

    pub(crate) fn suffix(self, suffix: &str) -> Self {
        Self { suffix: suffix.into(), ..self }
    }

    pub(crate) fn policy(self, policy: GrantPolicy) -> Self {
        Self { policy, ..self }
    }

    pub(crate) fn url(&self) -> GrantUrl {
        let pair = |(name, value): &(String, String)| {
            let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            format!("{name}={value}")
        };
        let query: Vec<_> = self.query.iter().map(pair).collect();
        GrantUrl::new(format!(
            "{}://{}{}?{}{}",
            self.scheme,
            self.host,
            self.path,
            query.join("&"),
            self.suffix
        ))
    }

    pub(crate) fn findings(&self) -> Vec<Finding> {
        audit(&self.url(), self.role, &self.policy, now())
    }
}

/// Asserts that a rule fires at this severity, and gives its finding.
pub(crate) fn fires(draft: &Draft, rule: Rule, severity: Severity) -> Finding {
    let findings = draft.findings();
    let found = findings.iter().find(|finding| finding.rule == rule && finding.severity == severity);
    found.unwrap_or_else(|| panic!("{rule} is not {severity} for {}: {findings:#?}", draft.url())).clone()
}

/// Asserts that a rule does not fire.
pub(crate) fn silent(draft: &Draft, rule: Rule) {
    let found = draft.findings().into_iter().find(|finding| finding.rule == rule);
    assert!(found.is_none(), "{}: {found:#?}", draft.url());
}

#[test]
fn a_clean_grant_has_no_finding_above_info() {
    let clean = [
        input(),
        output(),
        delegated(input()),
        delegated(output()),
        on_emulator(input()),
        on_emulator(output()),
    ];
    for draft in clean {
        let found = draft.findings().into_iter().find(|finding| finding.severity > Severity::Info);
        assert!(found.is_none(), "{}: {found:#?}", draft.url());
    }
}
