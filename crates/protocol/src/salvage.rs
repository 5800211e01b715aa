//! The id of a message that does not decode, so that its dead letter can still be told to its sender.
//! Must never be trusted: whoever wrote the broken message chose the id.

use crate::JobId;
use crate::limits::MESSAGE_BYTES_MAX;
use crate::tree::{self, Tree};

/// The job id that a broken message most likely has. Looks at its first 64 KiB at most.
pub fn salvage_id(bytes: &[u8]) -> Option<JobId> {
    match tree::parse(bytes, MESSAGE_BYTES_MAX) {
        Ok(Tree::Map(fields)) => match fields.get("id") {
            Some(Tree::Text(text)) => text.parse().ok(),
            _ => None,
        },
        Ok(_) => None,
        Err(_) => scan(&bytes[..bytes.len().min(MESSAGE_BYTES_MAX)]),
    }
}

/// The first `"id": "…"` whose value is a job id.
fn scan(bytes: &[u8]) -> Option<JobId> {
    const FIELD: &[u8] = br#""id""#;
    let mut starts = bytes.windows(FIELD.len()).enumerate().filter(|(_, window)| *window == FIELD);
    starts.find_map(|(at, _)| value(&bytes[at + FIELD.len()..]))
}

fn value(after_name: &[u8]) -> Option<JobId> {
    let after_colon = after_name.trim_ascii_start().strip_prefix(b":")?;
    let text = after_colon.trim_ascii_start().strip_prefix(b"\"")?;
    std::str::from_utf8(text.get(..JobId::TEXT_BYTES)?).ok()?.parse().ok()
}
