//! The limits of a message's fields, the same for what comes in and for what goes out.
//! Must never repeat a value.

use jiff::Timestamp;
use serde_json::Value;

use crate::de::printable;
use crate::limits;
use crate::{DecodeError, EncodeError, JobMessage, PresetRef};

/// A field that breaks a rule.
#[derive(Debug)]
pub(crate) struct Problem {
    field: String,
    problem: String,
}

impl Problem {
    pub(crate) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

impl From<Problem> for DecodeError {
    fn from(Problem { field, problem }: Problem) -> Self {
        Self::Invalid { field, problem }
    }
}

impl From<Problem> for EncodeError {
    fn from(Problem { field, problem }: Problem) -> Self {
        Self::Invalid { field, problem }
    }
}

/// Checks every limit that the types do not hold by themselves.
pub(crate) fn message(message: &JobMessage) -> Result<(), Problem> {
    if let Some((input, output)) = message.grants.urls() {
        bytes("input.url", input.expose_url(), 1, limits::URL_BYTES_MAX)?;
        bytes("output.url", output.expose_url(), 1, limits::URL_BYTES_MAX)?;
    }
    content_type(message.output.content_type.as_deref())?;
    preset(&message.preset)?;
    message.limits.problem().map_or(Ok(()), |(field, rule)| Err(Problem::new(field, rule)))?;
    tags(message)?;
    times(message)?;
    at_most("remints", message.remints, limits::REMINTS_MAX)?;
    at_most("attempts_before", message.attempts_before, limits::ATTEMPTS_BEFORE_MAX)
}

fn at_most(field: &str, number: u32, max: u32) -> Result<(), Problem> {
    rule(number <= max, field, || format!("must be a whole number up to {max}"))
}

fn bytes(field: &str, text: &str, min: usize, max: usize) -> Result<(), Problem> {
    rule((min..=max).contains(&text.len()), field, || format!("must have {min} to {max} bytes"))
}

fn rule(kept: bool, field: &str, problem: impl FnOnce() -> String) -> Result<(), Problem> {
    if kept { Ok(()) } else { Err(Problem::new(field, problem())) }
}

/// `type/subtype` and perhaps parameters, as RFC 9110 writes them; it becomes a header.
fn content_type(text: Option<&str>) -> Result<(), Problem> {
    let Some(text) = text else { return Ok(()) };
    bytes("output.content_type", text, 3, limits::CONTENT_TYPE_BYTES_MAX)?;
    let (media_type, parameters) = text.split_once(';').unwrap_or((text, "x=x"));
    let is_type = media_type.trim_end_matches(' ').split_once('/').is_some_and(|(a, b)| token(a) && token(b));
    rule(is_type && parameters.split(';').all(parameter), "output.content_type", || {
        "must be a media type such as video/mp4".to_owned()
    })
}

fn token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

/// `name=token` or `name="printable text"`.
fn parameter(text: &str) -> bool {
    let quoted = |value: &str| {
        let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        inner.is_some_and(|inner| {
            inner.bytes().all(|byte| matches!(byte, b' '..=b'~') && !b"\"\\".contains(&byte))
        })
    };
    text.trim_matches(' ')
        .split_once('=')
        .is_some_and(|(name, value)| token(name) && (token(value) || quoted(value)))
}

fn preset(preset: &PresetRef) -> Result<(), Problem> {
    bytes("preset.name", &preset.name, 1, limits::PRESET_NAME_BYTES_MAX)?;
    let usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    rule(preset.name.bytes().all(usual), "preset.name", || "must consist of a-z, 0-9 and -".to_owned())?;
    let versions = 1..=limits::PRESET_VERSION_MAX;
    rule(versions.contains(&preset.version), "preset.version", || {
        format!("must be a whole number from 1 to {}", limits::PRESET_VERSION_MAX)
    })?;
    entries("preset.params", preset.params.len(), limits::PARAMS_MAX)?;
    preset.params.iter().try_for_each(|(name, value)| param(name, value))
}

fn entries(field: &str, count: usize, max: usize) -> Result<(), Problem> {
    rule(count <= max, field, || format!("must have at most {max} entries"))
}

fn param(name: &str, value: &Value) -> Result<(), Problem> {
    let field = format!("preset.params.{}", printable(name));
    let fits = (1..=limits::PARAM_NAME_BYTES_MAX).contains(&name.len());
    rule(fits, &field, || format!("must have a name of 1 to {} bytes", limits::PARAM_NAME_BYTES_MAX))?;
    match value {
        Value::Bool(_) | Value::Number(_) => Ok(()),
        Value::String(text) => bytes(&field, text, 0, limits::PARAM_TEXT_BYTES_MAX),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(Problem::new(field, "must be a number, a boolean or a text"))
        }
    }
}

fn tags(message: &JobMessage) -> Result<(), Problem> {
    entries("tags", message.tags.len(), limits::TAGS_MAX)?;
    for (key, value) in &message.tags {
        let field = format!("tags.{}", printable(key));
        let fits = (1..=limits::TAG_KEY_BYTES_MAX).contains(&key.len());
        rule(fits, &field, || format!("must have a key of 1 to {} bytes", limits::TAG_KEY_BYTES_MAX))?;
        bytes(&field, value, 0, limits::TAG_VALUE_BYTES_MAX)?;
        let printable = !key.chars().chain(value.chars()).any(char::is_control);
        rule(printable, &field, || "must hold no control characters".to_owned())?;
    }
    Ok(())
}

fn times(message: &JobMessage) -> Result<(), Problem> {
    let modern = message.submitted_at >= Timestamp::UNIX_EPOCH;
    rule(modern, "submitted_at", || "must not be before 1970".to_owned())?;
    let later = message.not_after > message.submitted_at;
    rule(later, "not_after", || "must be later than submitted_at".to_owned())
}
