//! The job message as it is on the wire: the JSON's own shape, from which the schema is generated.
//! Must never leave this crate, print or be logged: its texts hold grants.

mod scalar;

use std::collections::BTreeMap;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use scalar::SecretText;
pub(crate) use scalar::TimeText;

use crate::check::Problem;
use crate::limits::{
    ATTEMPTS_BEFORE_MAX, CONTENT_TYPE_BYTES_MAX, ETAG_BYTES_MAX, MESSAGE_BYTES_MAX, PARAM_NAME_BYTES_MAX,
    PARAM_TEXT_BYTES_MAX, PARAMS_MAX, PRESET_NAME_BYTES_MAX, PRESET_VERSION_MAX, REMINTS_MAX,
    SEALED_BYTES_MAX, TAG_KEY_BYTES_MAX, TAG_VALUE_BYTES_MAX, TAGS_MAX,
};
use crate::tree::{self, Tree};
use crate::{BadText, DecodeError, EncodeError, Grants, JobMessage, Limits, Priority, SealedGrants, de};

/// The only version there is.
pub(crate) const VERSION: u64 = 1;

/// What every content type looks like; [`crate::check`] looks closer at parameters.
const MEDIA_TYPE: &str = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+/[A-Za-z0-9!#$%&'*+.^_`|~-]+ *(;[ -~]*)?$";

/// One job for Valet. Unknown fields are refused; an optional field may be left out or null.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = open_or_sealed()))]
pub(crate) struct Message {
    /// Version of this format.
    #[schemars(extend("const" = VERSION))]
    version: u64,
    /// Id of the job: a UUIDv7 in lower case. Also the AMQP `message_id`.
    #[schemars(regex(pattern = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"))]
    id: String,
    /// Whose work it is: 1 to 40 characters out of a-z, 0-9 and `-`; `default` if absent.
    #[schemars(regex(pattern = r"^[a-z0-9-]{1,40}$"))]
    lane: Option<String>,
    /// The blob to read. Required, unless `sealed` is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Input>,
    /// The blob to write. Required, unless `sealed` is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Output>,
    /// Instead of both URLs: the two grants, encrypted to the fleet and bound to this job. A JWE in compact form.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = SEALED_BYTES_MAX), regex(pattern = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){4}$"))]
    sealed: Option<String>,
    /// What to do.
    preset: Preset,
    /// Bounds for this job, narrower than the worker's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<Limits>,
    /// Its turn among jobs that wait; `normal` if absent.
    priority: Option<Priority>,
    /// The sender's own correlation data: at most 32 keys of 1 to 64 bytes with values of at most 256 bytes.
    // default: schemars takes a field with its own schema for a required one
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "tags_schema")]
    tags: Option<BTreeMap<String, String>>,
    /// When the job was submitted.
    submitted_at: TimeText,
    /// From when on the job is of no use: the earlier expiry of its two grants. Later than `submitted_at`.
    not_after: TimeText,
    /// How often the producer may still mint new grants when these have died; 0 if absent. For producers that run
    /// the reminter: other publishers' jobs end as expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = REMINTS_MAX))]
    remints: Option<u32>,
    /// Attempts that were made under earlier grants; 0 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = ATTEMPTS_BEFORE_MAX))]
    attempts_before: Option<u32>,
}

/// The blob to read.
#[derive(Serialize, Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
struct Input {
    /// A SAS URL with the right to read exactly this blob (`sr=b`, `sp=r`). A secret. Required, unless `sealed`
    /// is there, which replaces it.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<SecretText>,
    /// The content that is meant: a strong entity tag with its quotes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = ETAG_BYTES_MAX), regex(pattern = r#"^"[!#-~]+"$"#))]
    etag: Option<String>,
}

/// The blob to write.
#[derive(Serialize, Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
struct Output {
    /// A SAS URL with the right to create exactly this blob (`sr=b`, `sp=c`). A secret. Required, unless `sealed`
    /// is there, which replaces it.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<SecretText>,
    /// Content type of the output; the preset's own if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = CONTENT_TYPE_BYTES_MAX), regex(pattern = MEDIA_TYPE))]
    content_type: Option<String>,
}

/// What to do: a preset by name and version.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Preset {
    /// Name of the preset, out of a-z, 0-9 and `-`.
    #[schemars(length(max = PRESET_NAME_BYTES_MAX), regex(pattern = r"^[a-z0-9-]+$"))]
    name: String,
    /// Version of the preset.
    #[schemars(range(min = 1, max = PRESET_VERSION_MAX))]
    version: u32,
    /// Parameters, which the preset judges: numbers, booleans and texts of at most 256 bytes.
    #[serde(default)]
    #[schemars(schema_with = "params_schema")]
    params: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Either both URLs or `sealed`; null is absent.
fn open_or_sealed() -> serde_json::Value {
    let text = || serde_json::json!({ "type": "string" });
    let none = || serde_json::json!({ "type": "null" });
    let with =
        |url: serde_json::Value| serde_json::json!({ "required": ["url"], "properties": { "url": url } });
    let without = || serde_json::json!({ "properties": { "url": none() } });
    serde_json::json!([
        { "required": ["input", "output"],
          "properties": { "sealed": none(), "input": with(text()), "output": with(text()) } },
        { "required": ["sealed"],
          "properties": { "sealed": text(), "input": without(), "output": without() } },
    ])
}

fn tags_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    const PRINTABLE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
    schemars::json_schema!({
        "type": ["object", "null"],
        "maxProperties": TAGS_MAX,
        "propertyNames": { "minLength": 1, "maxLength": TAG_KEY_BYTES_MAX, "pattern": PRINTABLE },
        "additionalProperties": { "type": "string", "maxLength": TAG_VALUE_BYTES_MAX, "pattern": PRINTABLE },
    })
}

fn params_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": ["object", "null"],
        "maxProperties": PARAMS_MAX,
        "propertyNames": { "minLength": 1, "maxLength": PARAM_NAME_BYTES_MAX },
        "additionalProperties": { "type": ["number", "boolean", "string"], "maxLength": PARAM_TEXT_BYTES_MAX },
    })
}

/// Bytes to message, without the limits that [`crate::check`] knows.
pub(crate) fn decode(bytes: &[u8]) -> Result<JobMessage, DecodeError> {
    let tree = tree::parse(bytes, MESSAGE_BYTES_MAX)?;
    check_version(&tree)?;
    let message: Message = de::from_tree(tree)?;
    message.try_into()
}

/// Before anything else: a later version may well have other fields.
fn check_version(tree: &Tree) -> Result<(), DecodeError> {
    let Tree::Map(fields) = tree else { return Ok(()) };
    match fields.get("version") {
        Some(Tree::Number(number)) => match number.as_u64() {
            Some(version) if version != VERSION => Err(DecodeError::UnsupportedVersion { version }),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Message to bytes.
pub(crate) fn encode(message: &JobMessage) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
    let message = Message::from(message);
    // Reserved whole: a buffer that grows leaves copies of the grants behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(message.bytes_about()));
    serde_json::to_writer(&mut *bytes, &message)
        .expect("texts, numbers and maps with text keys are always JSON");
    Ok(bytes)
}

impl Message {
    fn bytes_about(&self) -> usize {
        let texts = |(key, value): (&String, &String)| key.len() + value.len() + 8;
        let tags: usize = self.tags.iter().flatten().map(texts).sum();
        let input = self.input.as_ref().and_then(|input| input.url.as_ref());
        let output = self.output.as_ref().and_then(|output| output.url.as_ref());
        let urls: usize = input.into_iter().chain(output).map(SecretText::bytes).sum();
        urls + self.sealed.as_ref().map_or(0, String::len) + 2 * tags + 4_096
    }
}

impl TryFrom<Message> for JobMessage {
    type Error = DecodeError;

    fn try_from(wire: Message) -> Result<Self, DecodeError> {
        let (input, output, grants) = grants(wire.input, wire.output, wire.sealed)?;
        Ok(Self {
            id: parsed("id", &wire.id)?,
            lane: wire.lane.map(|lane| parsed("lane", &lane)).transpose()?.unwrap_or_default(),
            grants,
            input: crate::Input { etag: input.etag.map(|etag| parsed("input.etag", &etag)).transpose()? },
            output: crate::Output { content_type: output.content_type },
            preset: crate::PresetRef {
                name: wire.preset.name,
                version: wire.preset.version,
                params: wire.preset.params.unwrap_or_default(),
            },
            limits: wire.limits.unwrap_or_default(),
            priority: wire.priority.unwrap_or_default(),
            tags: wire.tags.unwrap_or_default(),
            submitted_at: wire.submitted_at.read("submitted_at")?,
            not_after: wire.not_after.read("not_after")?,
            remints: wire.remints.unwrap_or_default(),
            attempts_before: wire.attempts_before.unwrap_or_default(),
        })
    }
}

/// Both URLs out of their blobs, or the sealed form instead of them.
fn grants(
    input: Option<Input>,
    output: Option<Output>,
    sealed: Option<String>,
) -> Result<(Input, Output, Grants), DecodeError> {
    let missing = |field: &str| DecodeError::MissingField { field: field.to_owned() };
    let Some(sealed) = sealed else {
        let mut input = input.ok_or_else(|| missing("input"))?;
        let mut output = output.ok_or_else(|| missing("output"))?;
        let read = input.url.take().ok_or_else(|| missing("input.url"))?.into_grant();
        let create = output.url.take().ok_or_else(|| missing("output.url"))?.into_grant();
        return Ok((input, output, Grants::Open { input: read, output: create }));
    };
    let (input, output) = (input.unwrap_or_default(), output.unwrap_or_default());
    if input.url.is_some() || output.url.is_some() {
        let beside = "must not stand beside input.url or output.url: it replaces both";
        return Err(Problem::new("sealed", beside).into());
    }
    let sealed: SealedGrants = parsed("sealed", &sealed)?;
    Ok((input, output, Grants::Sealed(sealed)))
}

fn parsed<T: FromStr<Err = BadText>>(field: &'static str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|bad: BadText| Problem::new(field, bad.rule))
}

impl From<&JobMessage> for Message {
    fn from(message: &JobMessage) -> Self {
        let urls = message.grants.urls();
        let input = Input {
            url: urls.map(|(input, _)| input.into()),
            etag: message.input.etag.as_ref().map(ToString::to_string),
        };
        let output = Output {
            url: urls.map(|(_, output)| output.into()),
            content_type: message.output.content_type.clone(),
        };
        Self {
            version: VERSION,
            id: message.id.to_string(),
            lane: Some(message.lane.to_string()),
            input: (input.url.is_some() || input.etag.is_some()).then_some(input),
            output: (output.url.is_some() || output.content_type.is_some()).then_some(output),
            sealed: message.grants.sealed().map(|sealed| sealed.as_str().to_owned()),
            preset: Preset {
                name: message.preset.name.clone(),
                version: message.preset.version,
                params: Some(message.preset.params.clone()),
            },
            limits: (message.limits != Limits::default()).then_some(message.limits),
            priority: Some(message.priority),
            tags: (!message.tags.is_empty()).then(|| message.tags.clone()),
            submitted_at: message.submitted_at.into(),
            not_after: message.not_after.into(),
            remints: Some(message.remints).filter(|left| *left > 0),
            attempts_before: Some(message.attempts_before).filter(|made| *made > 0),
        }
    }
}
