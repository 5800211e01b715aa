//! Rules about the signature and what it is bound to.

use super::Entry;
use crate::GrantKind;
use crate::audit::Subject;
use crate::finding::{Finding, Rule, Severity};
use crate::grant::Role;
use crate::token::Field;

pub(super) const SAS020: Entry = Entry {
    rule: Rule::Sas020,
    id: "SAS020",
    title: "not bound as closely as it could be",
    severity: Severity::Info,
    reason: "A correlation id joins storage's log with ours; a snapshot or version keeps an input from changing.",
    check: binding,
};

fn binding(subject: &Subject<'_>) -> Vec<Finding> {
    let token = &subject.token;
    let mut findings = Vec::new();
    let bound =
        [Field::CorrelationId, Field::RequestHeaders].into_iter().any(|field| token.field(field).is_some());
    if token.kind() == GrantKind::UserDelegation && !bound {
        let message = "neither a correlation id (`scid`) nor request headers (`srh`) are signed";
        findings.push(Finding::new(Rule::Sas020, message, "sign the job's id as `scid`"));
    }
    if subject.role == Role::Input && token.pin().is_none() {
        let message = "the input is not pinned to a snapshot or version";
        findings.push(Finding::new(Rule::Sas020, message, "pin it, or give the expected ETag in the job"));
    }
    findings
}

pub(super) const SAS021: Entry = Entry {
    rule: Rule::Sas021,
    id: "SAS021",
    title: "signature absent, malformed or exposed",
    severity: Severity::Critical,
    reason: "Without a signature of its own a URL is no grant; a signature outside of its parameter ends up in logs.",
    check: signature,
};

fn signature(subject: &Subject<'_>) -> Vec<Finding> {
    let token = &subject.token;
    let mut findings = Vec::new();
    if !token.is_signed() {
        let finding =
            Finding::new(Rule::Sas021, "the URL is not signed (`sig` is missing)", "pass the whole SAS URL");
        findings.push(finding.always());
    } else if !token.signature_is_shaped() {
        let message = match token.signature_has_blank() {
            true => "`sig` holds a blank: a `+` was not percent-encoded",
            false => "`sig` is not an HMAC-SHA256 in base64; it may be cut off",
        };
        findings
            .push(Finding::new(Rule::Sas021, message, "pass the URL exactly as minted").at(Severity::Medium));
    }
    if is_exposed(subject) {
        let message = "the text of the signature is also in the host or the path";
        findings.push(Finding::new(Rule::Sas021, message, "rename the blob and mint a new grant").always());
    }
    findings
}

/// Whether what everybody prints, host and path, would show the signature.
fn is_exposed(subject: &Subject<'_>) -> bool {
    let address = &subject.address;
    let named =
        [&address.account, &address.container, &address.blob].map(|part| part.as_deref().unwrap_or_default());
    subject.redaction.hides(&address.host) || subject.redaction.hides(&named.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn sas020_notes_missing_bindings() {
        fires(&input(), Rule::Sas020, Severity::Info);
        fires(&delegated(output()), Rule::Sas020, Severity::Info);
        silent(&output(), Rule::Sas020);
        silent(&delegated(output()).set("scid", GUID), Rule::Sas020);
        silent(&input().set("sr", "bs").set("snapshot", SNAPSHOT), Rule::Sas020);
    }

    #[test]
    fn sas021_a_grant_is_signed_and_keeps_its_signature_to_itself() {
        fires(&input().without("sig"), Rule::Sas021, Severity::Critical);
        fires(&input().set("sig", ""), Rule::Sas021, Severity::Critical);
        fires(&input().set("sig", "abc"), Rule::Sas021, Severity::Medium);
        fires(&input().set("sig", &SIGNATURE.replace('/', " ")), Rule::Sas021, Severity::Medium);
        fires(&input().path(&format!("/media-in/{SIGNATURE}")), Rule::Sas021, Severity::Critical);
        silent(&input(), Rule::Sas021);
    }
}
