//! Rules about what kind of thing the token opens. One blob is the only right answer.

use super::Entry;
use crate::audit::Subject;
use crate::finding::{Finding, Rule, Severity};
use crate::grant::Role;
use crate::right::Right;
use crate::token::{Field, ResourceKind};

const ONE_BLOB: &str = "mint a SAS for the one blob (`sr=b`)";

pub(super) const SAS001: Entry = Entry {
    rule: Rule::Sas001,
    id: "SAS001",
    title: "account SAS",
    severity: Severity::Critical,
    reason: "An account SAS opens whole services; one in a public repository gave away 38 TB in 2023.",
    check: account,
};

fn account(subject: &Subject<'_>) -> Vec<Finding> {
    let message = "the token is an account SAS (`ss`, `srt`): it opens the whole storage account";
    subject
        .token
        .is_account()
        .then(|| Finding::new(Rule::Sas001, message, ONE_BLOB).always())
        .into_iter()
        .collect()
}

pub(super) const SAS002: Entry = Entry {
    rule: Rule::Sas002,
    id: "SAS002",
    title: "container or directory SAS",
    severity: Severity::Critical,
    reason: "A job needs one blob; a container or directory SAS opens every sibling too.",
    check: container,
};

fn container(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(kind @ (ResourceKind::Container | ResourceKind::Directory)) = subject.token.resource() else {
        return Vec::new();
    };
    let rights = subject.token.rights();
    let worse = match (rights.contains(Right::List), rights.contains(Right::Delete)) {
        (true, true) => ", and lists and deletes them",
        (true, false) => ", and lists them",
        (false, true) => ", and deletes them",
        (false, false) => "",
    };
    let what = if kind == ResourceKind::Container { "blob container" } else { "directory" };
    let message = format!("`sr={}` opens every blob of the {what}{worse}", kind.code());
    vec![Finding::new(Rule::Sas002, message, ONE_BLOB).always()]
}

pub(super) const SAS017: Entry = Entry {
    rule: Rule::Sas017,
    id: "SAS017",
    title: "token and URL disagree",
    severity: Severity::Medium,
    reason: "What the token opens must be what the URL names; else storage refuses, or does something else.",
    check: disagreement,
};

fn disagreement(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if subject.token.operation {
        let message = "the URL asks for another operation (`comp` or `restype`)";
        findings.push(wrong(message, "pass the plain URL of the blob and its SAS"));
    }
    if subject.token.is_account() {
        return findings;
    }
    match subject.token.resource() {
        None => findings.push(wrong("`sr` is missing or unknown", ONE_BLOB)),
        Some(kind) if kind.is_one_blob() => findings.extend(one_blob(subject, kind)),
        Some(_) => {}
    }
    findings
}

fn one_blob(subject: &Subject<'_>, kind: ResourceKind) -> Vec<Finding> {
    let mut findings = Vec::new();
    if subject.address.blob_path().is_none() {
        let message = format!("`sr={}` opens one blob, the URL names none", kind.code());
        findings.push(wrong(&message, "pass the URL of one blob, container and name"));
    }
    if kind != ResourceKind::Blob && subject.role == Role::Output {
        let message = format!("`sr={}` is a frozen state, an output cannot be written there", kind.code());
        findings.push(wrong(&message, ONE_BLOB));
    }
    findings.extend(pin(subject, kind, ResourceKind::Snapshot, Field::Snapshot));
    findings.extend(pin(subject, kind, ResourceKind::Version, Field::VersionId));
    findings
}

fn pin(subject: &Subject<'_>, kind: ResourceKind, pinned: ResourceKind, field: Field) -> Option<Finding> {
    let (code, name) = (pinned.code(), field.name());
    match (kind == pinned, subject.token.field(field)) {
        (false, Some(_)) => {
            let message = format!("`{name}` is given, but `sr` is not `{code}`");
            Some(Finding::new(Rule::Sas017, message, format!("mint with `sr={code}`, or drop `{name}`")))
        }
        (true, None) => {
            let message = format!("`sr={code}` without `{name}`");
            Some(Finding::new(Rule::Sas017, message, format!("add `{name}` to the URL")))
        }
        (true, Some(_)) if subject.token.pin().is_none() => {
            let message = format!("`{name}` is not a time as storage writes it");
            Some(wrong(&message, "copy the value that storage returned"))
        }
        _ => None,
    }
}

fn wrong(message: &str, advice: &str) -> Finding {
    Finding::new(Rule::Sas017, message, advice).at(Severity::High).always()
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn sas001_an_account_sas_is_critical() {
        fires(&input().set("ss", "b").set("srt", "sco"), Rule::Sas001, Severity::Critical);
        silent(&input(), Rule::Sas001);
    }

    #[test]
    fn sas002_a_container_or_directory_sas_is_critical() {
        for sr in ["c", "d"] {
            fires(&input().set("sr", sr), Rule::Sas002, Severity::Critical);
        }
        let found = fires(&output().set("sr", "c").set("sp", "rld"), Rule::Sas002, Severity::Critical);
        assert!(found.message.contains("lists and deletes"), "{found}");
        silent(&output(), Rule::Sas002);
    }

    #[test]
    fn sas017_token_and_url_must_agree() {
        fires(&input().path("/media-in"), Rule::Sas017, Severity::High);
        fires(&input().without("sr"), Rule::Sas017, Severity::High);
        fires(&input().set("sr", "zz"), Rule::Sas017, Severity::High);
        fires(&input().set("comp", "list"), Rule::Sas017, Severity::High);
        fires(&input().set("snapshot", SNAPSHOT), Rule::Sas017, Severity::Medium);
        fires(&input().set("versionid", SNAPSHOT), Rule::Sas017, Severity::Medium);
        fires(&input().set("sr", "bs"), Rule::Sas017, Severity::Medium);
        fires(&input().set("sr", "bv").set("versionid", "x"), Rule::Sas017, Severity::High);
        fires(&output().set("sr", "bs").set("snapshot", SNAPSHOT), Rule::Sas017, Severity::High);
        silent(&input().set("sr", "bs").set("snapshot", SNAPSHOT), Rule::Sas017);
        silent(&input().set("sr", "bv").set("versionid", SNAPSHOT), Rule::Sas017);
    }
}
