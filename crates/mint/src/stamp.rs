//! Instants as SAS fields spell them: whole seconds, `YYYY-MM-DDTHH:MM:SSZ`.
//!
//! Never a fraction, and never more authority than asked for: a start rounds up, an expiry down.

use jiff::{Timestamp, tz::Offset};

/// Length of a SAS time, in bytes.
const CHARS: usize = 20;

/// A SAS time, or nothing.
#[derive(Clone, Copy, Default)]
pub(crate) struct Stamp {
    text: [u8; CHARS],
    set: bool,
}

impl Stamp {
    /// The first whole second at or after `time`.
    pub(crate) fn start(time: Option<Timestamp>) -> Self {
        let up = |time: Timestamp| time.as_second() + i64::from(time.subsec_nanosecond() > 0);
        time.map_or_else(Self::default, |time| Self::at(up(time)))
    }

    /// The last whole second at or before `time`.
    pub(crate) fn expiry(time: Option<Timestamp>) -> Self {
        let down = |time: Timestamp| time.as_second() - i64::from(time.subsec_nanosecond() < 0);
        time.map_or_else(Self::default, |time| Self::at(down(time)))
    }

    pub(crate) fn as_str(&self) -> &str {
        let text = if self.set { &self.text[..] } else { &[] };
        std::str::from_utf8(text).expect("only ASCII was written")
    }

    fn at(second: i64) -> Self {
        let time = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        let civil = Offset::UTC.to_datetime(time);
        let mut text = *b"0000-00-00T00:00:00Z";
        // A year before 0 has no spelling; such a grant has long expired in any case.
        let year = civil.year().max(0);
        let parts = [
            (0, (year / 100) as i8),
            (2, (year % 100) as i8),
            (5, civil.month()),
            (8, civil.day()),
            (11, civil.hour()),
            (14, civil.minute()),
            (17, civil.second()),
        ];
        for (at, value) in parts {
            [text[at], text[at + 1]] = two_digits(value.unsigned_abs());
        }
        Self { text, set: true }
    }
}

/// The digits of a number below 100.
fn two_digits(value: u8) -> [u8; 2] {
    [b'0' + value / 10, b'0' + value % 10]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Option<Timestamp> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn fractions_never_widen_a_grant() {
        assert_eq!(Stamp::start(time("2026-01-15T10:00:00.001Z")).as_str(), "2026-01-15T10:00:01Z");
        assert_eq!(Stamp::expiry(time("2026-01-15T10:00:00.999Z")).as_str(), "2026-01-15T10:00:00Z");
        assert_eq!(Stamp::start(time("2026-01-15T23:59:59.5Z")).as_str(), "2026-01-16T00:00:00Z");
        assert_eq!(Stamp::expiry(time("1969-12-31T23:59:59.5Z")).as_str(), "1969-12-31T23:59:59Z");
        assert_eq!(Stamp::expiry(None).as_str(), "");
    }

    #[test]
    fn every_place_has_its_digits() {
        for text in ["0000-01-01T00:00:00Z", "1987-12-31T23:59:58Z", "9999-10-09T08:07:06Z"] {
            assert_eq!(Stamp::expiry(time(text)).as_str(), text);
        }
    }
}
