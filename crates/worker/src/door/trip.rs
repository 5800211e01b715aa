//! Why a door has shut: a broken rule, or a source that cannot be read.

use std::io;
use std::sync::Arc;

use valet_blob::StorageError;

/// The reason; the first one stands.
#[derive(Debug, Clone)]
pub enum Trip {
    /// The codec broke a rule: its input made it do so, or it is not ours any more.
    Violation(Violation),
    /// The input could not be read.
    Storage(Arc<StorageError>),
    /// The file could not be read.
    File(Arc<io::Error>),
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: &'static str,
    /// What was asked for, safe for a terminal: printable ASCII, cut to [`Violation::ASKED_CHARS_MAX`].
    pub asked: String,
}

impl Violation {
    /// Longest `asked`. Enough to tell an attack's kind by, too little to fill a log with.
    pub const ASKED_CHARS_MAX: usize = 200;

    /// `asked` is the codec's own bytes.
    pub(super) fn new(rule: &'static str, asked: &[u8]) -> Self {
        let escaped = asked.iter().flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from);
        Self { rule, asked: escaped.take(Self::ASKED_CHARS_MAX).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_cannot_act_on_a_terminal() {
        let asked = "GET /\u{1b}[2J\u{202e}\0\r\n".as_bytes();
        assert_eq!(Violation::new("", asked).asked, r"GET /\x1b[2J\xe2\x80\xae\x00\r\n");
        let long = Violation::new("", &[0; 1_000]).asked;
        assert_eq!((long.len(), long.is_ascii()), (Violation::ASKED_CHARS_MAX, true));
    }
}
