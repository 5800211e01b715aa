//! The two kinds of text in a message that need care: grants and times.
//! Must never print, and a grant must never be written but by [`super::encode`].

use std::borrow::Cow;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use valet_grant::GrantUrl;
use zeroize::Zeroizing;

use crate::check::Problem;
use crate::limits::{TIME_BYTES_MAX, URL_BYTES_MAX};

/// A text that is a grant: zeroized, and written by `JobMessage::encode` alone.
pub(super) struct SecretText(Zeroizing<String>);

impl Serialize for SecretText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl JsonSchema for SecretText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SecretUrl".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "format": "uri", "minLength": 1, "maxLength": URL_BYTES_MAX, "writeOnly": true
        })
    }
}

/// An instant as RFC 3339 writes it.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct TimeText(String);

impl JsonSchema for TimeText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "format": "date-time", "maxLength": TIME_BYTES_MAX,
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$",
        })
    }
}

impl TimeText {
    /// The instant; `None` if the text is no RFC 3339 time.
    pub(crate) fn parse(text: &str) -> Option<Timestamp> {
        let bytes = text.as_bytes();
        let usual = |byte: &u8| byte.is_ascii_digit() || b"-+:.TZ".contains(byte);
        // jiff reads more spellings than RFC 3339 has; the others are refused here.
        let shape = (20..=TIME_BYTES_MAX).contains(&bytes.len())
            && bytes[..4].iter().all(u8::is_ascii_digit)
            && bytes[10] == b'T'
            && bytes.iter().all(usual)
            && (bytes.ends_with(b"Z") || bytes[bytes.len() - 3] == b':');
        if shape { text.parse().ok() } else { None }
    }

    pub(crate) fn read(&self, field: &'static str) -> Result<Timestamp, Problem> {
        Self::parse(&self.0)
            .ok_or_else(|| Problem::new(field, "must be an RFC 3339 time, such as 2026-01-31T12:00:00Z"))
    }
}

impl SecretText {
    /// Its length.
    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }

    pub(super) fn into_grant(mut self) -> GrantUrl {
        GrantUrl::new(std::mem::take(&mut *self.0))
    }
}

impl From<&GrantUrl> for SecretText {
    fn from(url: &GrantUrl) -> Self {
        Self(Zeroizing::new(url.expose_url().to_owned()))
    }
}

impl From<Timestamp> for TimeText {
    fn from(time: Timestamp) -> Self {
        Self(time.to_string())
    }
}
