//! The rule table. One entry a rule: what, how bad, why, and the function that looks. The order is that of the ids.
//! A rule may look at everything; its texts are made of parsed values, fixed words and what `redaction.show` lets
//! pass.

mod address;
#[cfg(test)]
mod document;
mod key;
mod resource;
mod rights;
mod signature;
#[cfg(test)]
mod testing;
mod time;

use crate::audit::Subject;
use crate::finding::{Finding, Rule, Severity};

/// One rule.
pub(crate) struct Entry {
    pub(crate) rule: Rule,
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// The usual severity.
    pub(crate) severity: Severity,
    /// Why the rule exists.
    pub(crate) reason: &'static str,
    pub(crate) check: fn(&Subject<'_>) -> Vec<Finding>,
}

pub(crate) static TABLE: [Entry; 21] = [
    resource::SAS001,
    resource::SAS002,
    time::SAS003,
    rights::SAS004,
    rights::SAS005,
    rights::SAS006,
    address::SAS007,
    rights::SAS008,
    time::SAS009,
    key::SAS010,
    key::SAS011,
    time::SAS012,
    key::SAS013,
    key::SAS014,
    rights::SAS015,
    address::SAS016,
    resource::SAS017,
    address::SAS018,
    address::SAS019,
    signature::SAS020,
    signature::SAS021,
];

pub(crate) fn entry(rule: Rule) -> &'static Entry {
    &TABLE[rule as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_rules() {
        for (at, entry) in TABLE.iter().enumerate() {
            assert_eq!(entry.rule as usize, at);
            assert_eq!(entry.id, format!("SAS{:03}", at + 1));
        }
    }
}
