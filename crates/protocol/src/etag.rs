//! An entity tag: which content of a blob is meant.
//! Must stay safe as an HTTP header's value.

use std::fmt;
use std::str::FromStr;

use crate::{BadText, limits};

const RULE: BadText = BadText {
    rule: "must be a strong entity tag as storage sends it: quoted, printable ASCII, at most 128 bytes",
};

/// A strong entity tag with its quotes: `"0x8D4BCC2E4835CD0"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct ETag(String);

impl ETag {
    /// The tag with its quotes, as `If-Match` wants it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ETag {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or(RULE)?;
        let fits = !inner.is_empty() && text.len() <= limits::ETAG_BYTES_MAX;
        let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"';
        if fits && inner.bytes().all(allowed) { Ok(Self(text.to_owned())) } else { Err(RULE) }
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
