//! The times of a SAS: the spellings that Azure takes, and the span in which a grant works. Reads no clock.

use jiff::Timestamp;
use serde::Serialize;

/// When a grant works. For a user delegation SAS this is already narrowed to the life of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Validity {
    /// From when on; `None` is at once.
    pub start: Option<Timestamp>,
    /// Until when (not included).
    pub expiry: Timestamp,
}

impl Validity {
    /// Whether a request at `now` is inside, by our clock.
    pub fn contains(&self, now: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= now) && now < self.expiry
    }
}

/// Reads `st`, `se`, `skt` or `ske`: `YYYY-MM-DD`, `YYYY-MM-DDTHH:MMZ`, `YYYY-MM-DDTHH:MM:SSZ`, and the last with a
/// fraction of up to nine digits. UTC only; anything else, a space or an offset included, is `None`.
pub fn parse_sas_time(text: &str) -> Option<Timestamp> {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let full = match shape.as_str() {
        "0000-00-00" => format!("{text}T00:00:00Z"),
        "0000-00-00T00:00Z" => format!("{}:00Z", text.get(..16)?),
        "0000-00-00T00:00:00Z" => text.to_owned(),
        _ if is_fraction(shape.strip_prefix("0000-00-00T00:00:00.")?) => text.to_owned(),
        _ => return None,
    };
    full.parse().ok()
}

fn is_fraction(shape: &str) -> bool {
    let digits = shape.strip_suffix('Z').unwrap_or_default();
    (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_that_azure_takes_is_read() {
        for (text, rfc3339) in [
            ("2026-01-15", "2026-01-15T00:00:00Z"),
            ("2026-01-15T10:30Z", "2026-01-15T10:30:00Z"),
            ("2026-01-15T10:30:05Z", "2026-01-15T10:30:05Z"),
            ("2026-01-15T10:30:05.1234567Z", "2026-01-15T10:30:05.1234567Z"),
        ] {
            assert_eq!(parse_sas_time(text), rfc3339.parse().ok(), "{text}");
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "garbage",
            "2026-13-01",
            "2026-02-30T00:00:00Z",
            "2026-01-15T10:30:05",
            "2026-01-15T10:30:05+01:00",
            "2026-01-15 10:30:05Z",
            "2026-01-15T10:30:05.Z",
            "2026-01-15T10:30:05.1234567890Z",
            "２026-01-15",
            "2026-01-15T25:00Z",
        ] {
            assert_eq!(parse_sas_time(text), None, "{text}");
        }
    }
}
