//! Why a URL is no grant, for people and for the code that settles a job. Never repeats a URL.

use std::fmt::Write as _;

use crate::cause::Cause;
use crate::finding::{Finding, Rule};
use crate::grant::Role;

/// Why a URL, or a pair of them, is no grant. `Display` says what is wrong, [`advice`](Self::advice) what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// The audit refused it.
    #[error("{role} grant for {blob_or_host} refused: {}", list(findings))]
    Refused {
        /// What it should have been.
        role: Role,
        /// The blob, or the host where there is no blob, or the redacted text where there is neither.
        blob_or_host: String,
        /// The findings that refuse it; at least one.
        findings: Vec<Finding>,
    },
    /// Each grant is fine, the two together are not.
    #[error("grants for {input} and {output} refused together: {}", list(findings))]
    Pair {
        /// The input's blob.
        input: String,
        /// The output's blob.
        output: String,
        /// The findings that refuse them; at least one.
        findings: Vec<Finding>,
    },
    /// No rule refused it, and yet it lacks blob, validity or version. A gap in the rules.
    #[error("{role} grant for {blob_or_host} lacks blob, validity or version")]
    Incomplete {
        /// What it should have been.
        role: Role,
        /// As in [`Refused`](Self::Refused).
        blob_or_host: String,
    },
}

impl GrantError {
    /// Whether time ran out and nothing else is wrong: minting anew helps.
    pub fn is_expired(&self) -> bool {
        self.only(&[Cause::Expired])
    }

    /// Whether the grant lives, but not for the job's time budget, and nothing else is wrong.
    pub fn is_too_short(&self) -> bool {
        self.only(&[Cause::TooShort])
    }

    /// Whether the rights are not those of the role, and nothing else is wrong.
    pub fn is_wrong_right(&self) -> bool {
        self.only(&[Cause::Rights])
    }

    fn only(&self, causes: &[Cause]) -> bool {
        !self.findings().is_empty() && self.findings().iter().all(|finding| causes.contains(&finding.cause))
    }

    /// The findings that refuse it.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Refused { findings, .. } | Self::Pair { findings, .. } => findings,
            Self::Incomplete { .. } => &[],
        }
    }

    /// Ids of the rules that refuse it, each once, in order: `SAS003`.
    pub fn rule_ids(&self) -> Vec<&'static str> {
        let mut ids: Vec<_> = self.findings().iter().map(|finding| finding.rule.id()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Whether `rule` refuses it.
    pub fn has(&self, rule: Rule) -> bool {
        self.findings().iter().any(|finding| finding.rule == rule)
    }

    /// What to do, one sentence a cause.
    pub fn advice(&self) -> String {
        let mut sentences: Vec<&str> = Vec::new();
        for finding in self.findings() {
            if !sentences.contains(&finding.advice.as_str()) {
                sentences.push(&finding.advice);
            }
        }
        match sentences.is_empty() {
            true => "mint a new grant for one blob, with `sv`, `sr`, `sp`, `se`".to_owned(),
            false => sentences.join("; "),
        }
    }
}

fn list(findings: &[Finding]) -> String {
    let mut text = String::new();
    for (at, finding) in findings.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}{}: {}", if at == 0 { "" } else { "; " }, finding.rule, finding.message);
    }
    text
}
