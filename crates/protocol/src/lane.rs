//! A lane: the work of one partner, or of one class.
//! Must stay safe as a part of queue names and routing keys: no dots, no wildcards.

use std::fmt;
use std::str::FromStr;

use crate::{BadText, limits};

const RULE: BadText = BadText { rule: "must be 1 to 40 characters out of a-z, 0-9 and -" };

/// The name of a lane; `default` if none was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Lane(String);

impl Lane {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Lane {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl FromStr for Lane {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        let fits = (1..=limits::LANE_BYTES_MAX).contains(&text.len());
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if fits && text.bytes().all(allowed) { Ok(Self(text.to_owned())) } else { Err(RULE) }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
