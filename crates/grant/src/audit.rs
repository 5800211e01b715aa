//! The linter: every rule over one grant, and the rules between the two grants of a job. Never fails, whatever the
//! text: what cannot be read is itself a finding.

use jiff::Timestamp;

use crate::address::{Address, parse_http};
use crate::finding::{Finding, Rule, Severity};
use crate::grant::Role;
use crate::limits::{BLOB_NAME_CHARS_MAX, URL_BYTES_MAX};
use crate::policy::GrantPolicy;
use crate::redact::Redaction;
use crate::rules;
use crate::secret::GrantUrl;
use crate::token::SasToken;

/// Everything that a rule may look at.
pub(crate) struct Subject<'a> {
    /// The URL as it came. Rules search it, they do not quote it.
    pub(crate) raw: &'a str,
    pub(crate) address: Address,
    pub(crate) token: SasToken,
    pub(crate) redaction: Redaction,
    pub(crate) role: Role,
    pub(crate) policy: &'a GrantPolicy,
    pub(crate) now: Timestamp,
}

impl<'a> Subject<'a> {
    /// `None` if the text is no http(s) URL within the limit.
    pub(crate) fn new(
        url: &'a GrantUrl,
        role: Role,
        policy: &'a GrantPolicy,
        now: Timestamp,
    ) -> Option<Self> {
        let raw = url.expose_url();
        let parsed = parse_http(raw)?;
        Some(Self {
            raw,
            address: Address::of(&parsed),
            token: SasToken::of(&parsed),
            redaction: Redaction::of(&parsed),
            role,
            policy,
            now,
        })
    }

    pub(crate) fn findings(&self) -> impl Iterator<Item = Finding> {
        let found = rules::TABLE.iter().flat_map(|entry| (entry.check)(self));
        found.map(|finding| Finding { role: Some(self.role), ..finding })
    }

    /// The blob, or the host where there is none; safe to print.
    pub(crate) fn place(&self) -> String {
        let place =
            self.address.blob_path().map_or_else(|| self.address.host.clone(), |path| path.to_string());
        self.redaction.show(&place, BLOB_NAME_CHARS_MAX)
    }

    /// Whether this is an emulator, on this machine or listed, to which the policy allows plain talk.
    pub(crate) fn on_emulator(&self) -> bool {
        self.policy.hosts.allows_http(&self.address.host)
    }
}

/// Every finding about one grant in its role.
pub fn audit(url: &GrantUrl, role: Role, policy: &GrantPolicy, now: Timestamp) -> Vec<Finding> {
    match Subject::new(url, role, policy, now) {
        Some(subject) => subject.findings().collect(),
        None => vec![not_a_url(url, role)],
    }
}

/// Every finding about the two grants of a job, and about the two together (rules SAS008 and SAS021; such a finding
/// has no role).
pub fn audit_pair(input: &GrantUrl, output: &GrantUrl, policy: &GrantPolicy, now: Timestamp) -> Vec<Finding> {
    let mut findings = audit(input, Role::Input, policy, now);
    findings.extend(audit(output, Role::Output, policy, now));
    findings.extend(across(input, output));
    findings
}

pub(crate) fn not_a_url(url: &GrantUrl, role: Role) -> Finding {
    let bytes = url.expose_url().len();
    let message = format!("not an http(s) URL of at most {URL_BYTES_MAX} bytes ({bytes} bytes)");
    let finding = Finding::new(Rule::Sas019, message, "pass the whole SAS URL of one blob");
    Finding { role: Some(role), ..finding.at(Severity::Critical).always() }
}

/// What is wrong between two grants, each of which may be fine alone.
pub(crate) fn across(input: &GrantUrl, output: &GrantUrl) -> Vec<Finding> {
    let (Some(read), Some(write)) = (parse_http(input.expose_url()), parse_http(output.expose_url())) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    let place = |url| Address::of(url).blob_path();
    if place(&read).is_some() && place(&read) == place(&write) {
        let message = "input and output are the same blob";
        findings.push(Finding::new(Rule::Sas008, message, "give the output a name of its own").always());
    }
    if SasToken::of(&read).same_signature(&SasToken::of(&write)) {
        let message = "input and output carry the same signature";
        findings.push(Finding::new(Rule::Sas021, message, "mint one grant per blob and right").always());
    }
    findings
}
