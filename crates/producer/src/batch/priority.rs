//! Priorities by name. One list for options and manifests.

use valet_protocol::Priority;

/// The names with their meaning.
const NAMES: [(&str, Priority); 3] =
    [("low", Priority::Low), ("normal", Priority::Normal), ("high", Priority::High)];

/// The priority of this name.
pub fn parse_priority(name: &str) -> Option<Priority> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, priority)| *priority)
}
