//! Where one blob lives. A name and nothing else: holds no token, checks nothing.

use std::fmt;

use serde::{Serialize, Serializer};

/// The place of one blob, decoded. `Display` is `account/container/blob`, safe to print on a terminal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobPath {
    /// Storage account.
    pub account: String,
    /// Blob container.
    pub container: String,
    /// Blob name, decoded, with its slashes.
    pub blob: String,
}

impl fmt::Display for BlobPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.account, "/", &self.container, "/", &self.blob];
        parts.into_iter().try_for_each(|part| write_safe(f, part))
    }
}

impl Serialize for BlobPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Writes text with everything escaped that could move a cursor or reorder a line.
pub(crate) fn write_safe(f: &mut impl fmt::Write, text: &str) -> fmt::Result {
    text.chars().try_for_each(|c| match c {
        _ if c.is_control() || reorders(c) => write!(f, "{}", c.escape_unicode()),
        _ => f.write_char(c),
    })
}

/// [`write_safe`] into a new string.
pub(crate) fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Writing to a String cannot fail.
    let _ = write_safe(&mut out, text);
    out
}

/// Line separators, marks and overrides of bidirectional text, and the byte order mark.
fn reorders(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_cannot_move_the_cursor() {
        let path =
            BlobPath { account: "acct".into(), container: "in".into(), blob: "a\x1b[2J\u{202e}b ü".into() };
        assert_eq!(path.to_string(), "acct/in/a\\u{1b}[2J\\u{202e}b ü");
    }
}
