//! Versions of the SAS format (`sv`).
//!
//! Never guesses: a version that is not in the list cannot be signed, since its layout is not known.

use thiserror::Error;
use valet_grant::version::KNOWN;

/// A version of the storage service that a SAS can be signed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SasVersion {
    /// The date as one number, `2022_11_02`, which decides every comparison: quicker than text.
    day: u32,
    text: &'static str,
}

/// A version that this crate has no layout for.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("SAS version {version:?} is not known; use 2022-11-02")]
pub struct UnknownVersion {
    /// The version as given, at most 32 characters of it.
    pub version: String,
}

impl SasVersion {
    /// What Valet mints unless a feature needs a newer one: the layout frozen since 2020-12-06, in every
    /// region, emulator and client library.
    pub const DEFAULT: Self = Self::of("2022-11-02");

    /// The oldest layout: only to read and verify with; nothing is minted for it.
    pub(crate) const OLDEST: Self = Self::of("2015-04-05");

    /// Reads a version such as `2022-11-02`.
    ///
    /// # Errors
    /// [`UnknownVersion`] when its layout is not known.
    pub fn parse(text: &str) -> Result<Self, UnknownVersion> {
        Self::all()
            .find(|known| known.text == text)
            .ok_or_else(|| UnknownVersion { version: text.chars().take(32).collect() })
    }

    /// The version as it stands in a URL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.text
    }

    /// All versions with a known layout, oldest first.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::OLDEST).chain(KNOWN.iter().map(|known| Self::of(known)))
    }

    /// A version by its date, `YYYY-MM-DD`.
    pub(crate) const fn of(text: &'static str) -> Self {
        let (mut day, mut at) = (0, 0);
        while at < text.len() {
            let byte = text.as_bytes()[at];
            if byte.is_ascii_digit() {
                day = day * 10 + (byte - b'0') as u32;
            }
            at += 1;
        }
        Self { day, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_order_and_parse() {
        assert!(SasVersion::all().is_sorted());
        assert!(SasVersion::all().all(|v| SasVersion::parse(v.as_str()) == Ok(v)));
        assert!(SasVersion::parse("2099-01-01").is_err());
    }
}
