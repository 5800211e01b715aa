//! skeleton
use crate::{Finding, GrantPolicy, GrantUrl, Role};
use jiff::Timestamp;
/// Every finding about one grant. Never fails.
pub fn audit(_url: &GrantUrl, _role: Role, _policy: &GrantPolicy, _now: Timestamp) -> Vec<Finding> {
    todo!()
}
/// Findings about both grants of a job, and between them.
pub fn audit_pair(
    _input: &GrantUrl,
    _output: &GrantUrl,
    _policy: &GrantPolicy,
    _now: Timestamp,
) -> Vec<Finding> {
    todo!()
}
