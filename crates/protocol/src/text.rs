//! Bounded texts of reports: cut to their limit, free of control characters and of signatures.
//! Must never hold more than its limit, nor the value of a `sig` parameter.

use std::borrow::Cow;
use std::fmt;

use crate::limits;

/// What happened, for people.
pub type Detail = Text<{ limits::DETAIL_BYTES_MAX }>;
/// What to do about it, for people.
pub type Advice = Text<{ limits::ADVICE_BYTES_MAX }>;
/// A blob's path, `account/container/blob`.
pub type BlobText = Text<{ limits::BLOB_TEXT_BYTES_MAX }>;
/// A tag's value.
pub type TagText = Text<{ limits::TAG_VALUE_BYTES_MAX }>;
/// A codec's, format's, phase's or version's name.
pub type ShortText = Text<{ limits::SHORT_TEXT_BYTES_MAX }>;

const CUT: &str = "…";
const REDACTED: &str = "redacted";

/// A text of at most `BYTES_MAX` bytes. Longer ones are cut and end in `…`; control characters but
/// line feeds become spaces; what follows `sig=` becomes `redacted`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize)]
pub struct Text<const BYTES_MAX: usize>(String);

impl<const BYTES_MAX: usize> Text<BYTES_MAX> {
    /// Cleans and cuts a text.
    pub fn new(text: &str) -> Self {
        let clean: String = without_signatures(text)
            .chars()
            .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
            .collect();
        Self(cut(clean, BYTES_MAX))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn cut(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max - CUT.len()));
        text.push_str(CUT);
    }
    text
}

/// The last net under a codec or library that prints a URL: the callers print redacted ones.
fn without_signatures(text: &str) -> Cow<'_, str> {
    let lower = text.to_ascii_lowercase();
    if !lower.contains("sig=") && !lower.contains("sig%3d") {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(value) = next_signature(&lower, at) {
        let ends = |c: char| c.is_whitespace() || c.is_control() || r#"&"'<>,;"#.contains(c);
        let end = value + text[value..].find(ends).unwrap_or(text.len() - value);
        clean.push_str(&text[at..value]);
        clean.push_str(if is_redacted(&text[value..end]) { &text[value..end] } else { REDACTED });
        at = end;
    }
    clean.push_str(&text[at..]);
    Cow::Owned(clean)
}

/// Whether a value is ours already, perhaps cut: cleaning a text twice must not change it.
fn is_redacted(value: &str) -> bool {
    value.strip_suffix(CUT).map_or(value == REDACTED, |start| REDACTED.starts_with(start))
}

/// Where the next signature's value starts.
fn next_signature(lower: &str, from: usize) -> Option<usize> {
    ["sig=", "sig%3d"].iter().filter_map(|mark| Some(from + lower[from..].find(mark)? + mark.len())).min()
}

impl<const BYTES_MAX: usize> From<&str> for Text<BYTES_MAX> {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl<const BYTES_MAX: usize> From<String> for Text<BYTES_MAX> {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl<const BYTES_MAX: usize> fmt::Display for Text<BYTES_MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de, const BYTES_MAX: usize> serde::Deserialize<'de> for Text<BYTES_MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

impl<const BYTES_MAX: usize> schemars::JsonSchema for Text<BYTES_MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Text{BYTES_MAX}").into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "maxLength": BYTES_MAX })
    }
}

/// The name of a worker (or of another reporter): at most 64 characters out of `A-Z a-z 0-9 . _ -`.
/// Others become `-`, so that a host name never fails.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct WorkerName(String);

impl WorkerName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for WorkerName {
    fn from(text: &str) -> Self {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let name = text.chars().map(|c| if allowed(c) { c } else { '-' });
        let name: String = name.take(limits::WORKER_NAME_BYTES_MAX).collect();
        Self(if name.is_empty() { "unnamed".to_owned() } else { name })
    }
}

impl From<String> for WorkerName {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl fmt::Display for WorkerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
