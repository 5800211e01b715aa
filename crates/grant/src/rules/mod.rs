//! skeleton
use crate::finding::{Rule, Severity};
pub(crate) struct Entry {
    pub(crate) rule: Rule,
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) severity: Severity,
    pub(crate) reason: &'static str,
}
pub(crate) const TABLE: &[Entry] = &[];
pub(crate) fn entry(rule: Rule) -> &'static Entry {
    &TABLE[rule as usize]
}
