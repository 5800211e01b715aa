//! From a setting as written to a typed value.
//! Must never repeat the value in a problem's words.

use std::path::PathBuf;
use std::time::Duration;

use crate::raw::Raw;

/// A type that a setting can have.
pub trait FromSetting: Sized {
    /// What a value looks like, to complete "must be …": "a whole number".
    const KIND: &'static str;

    /// Reads the value.
    ///
    /// # Errors
    /// What is wrong, in words that complete "`<key>` …"; never the value itself.
    fn from_setting(raw: &Raw) -> Result<Self, String>;
}

fn must_be<T: FromSetting>() -> String {
    format!("must be {}", T::KIND)
}

impl FromSetting for String {
    const KIND: &'static str = "a text";

    fn from_setting(raw: &Raw) -> Result<Self, String> {
        match raw.text()? {
            "" => Err("must not be empty".to_owned()),
            text if text.chars().any(char::is_control) => Err("must not hold control characters".to_owned()),
            text => Ok(text.to_owned()),
        }
    }
}

impl FromSetting for PathBuf {
    const KIND: &'static str = "a path";

    fn from_setting(raw: &Raw) -> Result<Self, String> {
        String::from_setting(raw).map(Self::from)
    }
}

impl FromSetting for bool {
    const KIND: &'static str = "true or false";

    fn from_setting(raw: &Raw) -> Result<Self, String> {
        match raw.text()?.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err(must_be::<Self>()),
        }
    }
}

macro_rules! whole_numbers {
    ($($number:ty),*) => {$(
        impl FromSetting for $number {
            const KIND: &'static str = "a whole number";

            fn from_setting(raw: &Raw) -> Result<Self, String> {
                let digits = raw.text()?.trim().replace('_', "");
                digits.parse().map_err(|_| format!("must be a whole number from {} to {}", Self::MIN, Self::MAX))
            }
        }
    )*};
}
whole_numbers!(u8, u16, u32, u64, i64);

impl FromSetting for Duration {
    const KIND: &'static str = "a number of seconds";

    fn from_setting(raw: &Raw) -> Result<Self, String> {
        let seconds = raw.text()?.trim().parse::<f64>().map_err(|_| must_be::<Self>())?;
        Self::try_from_secs_f64(seconds).map_err(|_| must_be::<Self>())
    }
}

/// A size in bytes; written as a number, or with one of the suffixes KiB, MiB, GiB, TiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

impl FromSetting for Bytes {
    const KIND: &'static str = "a number of bytes, or one with KiB, MiB, GiB or TiB";

    fn from_setting(raw: &Raw) -> Result<Self, String> {
        let text = raw.text()?.trim().replace('_', "").to_ascii_lowercase();
        let (digits, power) = [("kib", 1), ("mib", 2), ("gib", 3), ("tib", 4)]
            .iter()
            .find_map(|(suffix, power)| Some((text.strip_suffix(suffix)?, *power)))
            .unwrap_or((text.as_str(), 0));
        digits
            .trim()
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(1024_u64.pow(power)))
            .map(Self)
            .ok_or_else(must_be::<Self>)
    }
}

impl FromSetting for Vec<String> {
    const KIND: &'static str = "a list, separated by commas";

    fn from_setting(raw: &Raw) -> Result<Self, String> {
        let items: Self = match raw {
            Raw::Text(text) => text.split(',').map(|item| item.trim().to_owned()).collect(),
            Raw::List(items) => items.iter().map(|item| item.trim().to_owned()).collect(),
            Raw::Unsupported => return Err(must_be::<Self>()),
        };
        if items.iter().flat_map(|item| item.chars()).any(char::is_control) {
            return Err("must not hold control characters".to_owned());
        }
        Ok(items.into_iter().filter(|item| !item.is_empty()).collect())
    }
}
