//! The `Range` header: one range, in the three forms that a codec uses, in the plainest spelling.

/// Which bytes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    /// `start..end`, not empty.
    Part { start: u64, end: u64 },
    /// Well-formed, but beyond the end: ffmpeg asks so when it looks whether there is more.
    Beyond,
}

/// A header that is none of the forms `bytes=a-b`, `bytes=a-`, `bytes=-n`, or a range that runs backwards.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadRange;

/// Reads the header's value for a source of `bytes`.
pub(super) fn parse(value: &[u8], bytes: u64) -> Result<Range, BadRange> {
    let value = std::str::from_utf8(value).map_err(|_| BadRange)?;
    let (first, last) =
        value.strip_prefix("bytes=").and_then(|range| range.split_once('-')).ok_or(BadRange)?;
    let (start, end) = match (number(first)?, number(last)?) {
        (None, None) => return Err(BadRange),
        (None, Some(count)) => (bytes.saturating_sub(count), bytes),
        (Some(start), None) => (start, bytes),
        (Some(start), Some(last)) if last < start => return Err(BadRange),
        (Some(start), Some(last)) => (start, last.saturating_add(1).min(bytes)),
    };
    Ok(if start < end { Range::Part { start, end } } else { Range::Beyond })
}

/// Digits and nothing else: the standard library would also take a sign.
fn number(digits: &str) -> Result<Option<u64>, BadRange> {
    if digits.is_empty() {
        return Ok(None);
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadRange);
    }
    digits.parse().map(Some).map_err(|_| BadRange)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(start: u64, end: u64) -> Result<Range, BadRange> {
        Ok(Range::Part { start, end })
    }

    #[test]
    fn the_three_forms_are_read() {
        for (value, expected) in [
            ("bytes=0-", part(0, 100)),
            ("bytes=0-0", part(0, 1)),
            ("bytes=10-19", part(10, 20)),
            ("bytes=99-99", part(99, 100)),
            ("bytes=10-1000", part(10, 100)),
            ("bytes=0-18446744073709551615", part(0, 100)),
            ("bytes=-1", part(99, 100)),
            ("bytes=-100", part(0, 100)),
            ("bytes=-101", part(0, 100)),
            ("bytes=-0", Ok(Range::Beyond)),
            ("bytes=100-", Ok(Range::Beyond)),
            ("bytes=100-200", Ok(Range::Beyond)),
            ("bytes=18446744073709551615-", Ok(Range::Beyond)),
        ] {
            assert_eq!(parse(value.as_bytes(), 100), expected, "{value}");
        }
        for value in ["bytes=0-", "bytes=-5", "bytes=0-0"] {
            assert_eq!(parse(value.as_bytes(), 0), Ok(Range::Beyond), "{value} of nothing");
        }
    }

    #[test]
    fn every_other_form_is_bad() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=--",
            "bytes=1",
            "bytes=a-b",
            "bytes=0-1,2-3",
            "bytes=0-,5-",
            "bytes=2-1",
            "bytes=100-1",
            "bytes=18446744073709551616-",
            "bytes=0-18446744073709551616",
            "bytes=-18446744073709551616",
            "bytes=+1-2",
            "bytes=0x0-1",
            "bytes= 0-1",
            "bytes=0 -1",
            "bytes=0-1 ",
            " bytes=0-1",
            "bytes =0-1",
            "Bytes=0-1",
            "BYTES=0-",
            "items=0-1",
            "bytes:0-1",
            "0-1",
            "bytes=1-2-3",
            "bytes=\u{661}-",
            "bytes=0-\0",
        ] {
            assert_eq!(parse(value.as_bytes(), 100), Err(BadRange), "{value:?}");
        }
        assert_eq!(parse(b"bytes=0-\xff", 100), Err(BadRange));
    }

    proptest! {
        #[test]
        fn whatever_is_read_lies_within_the_source(value in "(bytes=)?[0-9,\\- ]{0,24}", bytes: u64) {
            if let Ok(Range::Part { start, end }) = parse(value.as_bytes(), bytes) {
                prop_assert!(start < end && end <= bytes);
            }
        }

        #[test]
        fn a_range_is_what_it_says(first: u64, more: u64, bytes in 1u64..) {
            let last = first.saturating_add(more);
            let read = parse(format!("bytes={first}-{last}").as_bytes(), bytes).unwrap();
            let expected = if first < bytes {
                Range::Part { start: first, end: last.saturating_add(1).min(bytes) }
            } else {
                Range::Beyond
            };
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn any_bytes_are_survived(value: Vec<u8>, bytes: u64) {
            let _ = parse(&value, bytes);
        }
    }
}
