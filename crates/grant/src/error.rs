//! skeleton
use crate::{Finding, Role, Rule};
/// Why a URL is no grant.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// The audit refused it.
    #[error("{role} grant for {blob_or_host} refused")]
    Refused {
        /// The role.
        role: Role,
        /// The blob, or the host when there is no blob. Safe to print.
        blob_or_host: String,
        /// The findings that refuse it.
        findings: Vec<Finding>,
    },
}
impl GrantError {
    /// Whether time ran out and nothing else is wrong: minting anew helps.
    pub fn is_expired(&self) -> bool {
        todo!()
    }
    /// Whether the grant lives, but not long enough for the job, and nothing else is wrong.
    pub fn is_too_short(&self) -> bool {
        todo!()
    }
    /// Whether the rights are not those of the role, and nothing else is wrong.
    pub fn is_wrong_right(&self) -> bool {
        todo!()
    }
    /// The findings that refuse it.
    pub fn findings(&self) -> &[Finding] {
        todo!()
    }
    /// Ids of the rules that refuse it, each once, in order: `SAS003`.
    pub fn rule_ids(&self) -> Vec<&'static str> {
        todo!()
    }
    /// Whether `rule` refuses it.
    pub fn has(&self, _rule: Rule) -> bool {
        todo!()
    }
    /// What to do.
    pub fn advice(&self) -> String {
        todo!()
    }
}
