//! The limits of a job's labels. Must never repeat a value.

use std::collections::BTreeMap;

use valet_protocol::limits;

/// Which limit of the message the tags break. The message's own check would find it too, but only when
/// others of the batch are sent already.
pub(super) fn problem(tags: &BTreeMap<String, String>) -> Option<String> {
    if tags.len() > limits::TAGS_MAX {
        return Some(format!("{} of them, and {} are allowed", tags.len(), limits::TAGS_MAX));
    }
    let names = 1..=limits::TAG_KEY_BYTES_MAX;
    let bad_name = tags.keys().find(|name| !names.contains(&name.len()));
    let bad_value = tags.iter().find(|(_, value)| value.len() > limits::TAG_VALUE_BYTES_MAX);
    let control =
        tags.iter().find(|(name, value)| (*name).chars().chain(value.chars()).any(char::is_control));
    if bad_name.is_some() {
        return Some(format!("a name has not 1 to {} bytes", limits::TAG_KEY_BYTES_MAX));
    }
    if let Some((name, _)) = bad_value {
        return Some(format!("the value of {name:?} has more than {} bytes", limits::TAG_VALUE_BYTES_MAX));
    }
    control.map(|(name, _)| format!("{name:?} holds a control character"))
}
