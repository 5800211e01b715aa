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
    TAG_KEY_BYTES_MAX, TAG_VALUE_BYTES_MAX, TAGS_MAX,
};
use crate::tree::{self, Tree};
use crate::{BadText, DecodeError, EncodeError, JobMessage, Limits, Priority, de};

/// The only version there is.
pub(crate) const VERSION: u64 = 1;

/// What every content type looks like; [`crate::check`] looks closer at parameters.
const MEDIA_TYPE: &str = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+/[A-Za-z0-9!#$%&'*+.^_`|~-]+ *(;[ -~]*)?$";

/// One job for Valet. Unknown fields are refused; an optional field may be left out or null.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
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
    /// The blob to read.
    input: Input,
    /// The blob to write.
    output: Output,
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
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Input {
    /// A SAS URL with the right to read exactly this blob (`sr=b`, `sp=r`). A secret.
    url: SecretText,
    /// The content that is meant: a strong entity tag with its quotes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = ETAG_BYTES_MAX), regex(pattern = r#"^"[!#-~]+"$"#))]
    etag: Option<String>,
}

/// The blob to write.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Output {
    /// A SAS URL with the right to create exactly this blob (`sr=b`, `sp=c`). A secret.
    url: SecretText,
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
    message.try_into().map_err(Problem::into)
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
        self.input.url.bytes() + self.output.url.bytes() + 2 * tags + 4_096
    }
}

impl TryFrom<Message> for JobMessage {
    type Error = Problem;

    fn try_from(wire: Message) -> Result<Self, Problem> {
        Ok(Self {
            id: parsed("id", &wire.id)?,
            lane: wire.lane.map(|lane| parsed("lane", &lane)).transpose()?.unwrap_or_default(),
            input: crate::Input {
                url: wire.input.url.into_grant(),
                etag: wire.input.etag.map(|etag| parsed("input.etag", &etag)).transpose()?,
            },
            output: crate::Output {
                url: wire.output.url.into_grant(),
                content_type: wire.output.content_type,
            },
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

fn parsed<T: FromStr<Err = BadText>>(field: &'static str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|bad: BadText| Problem::new(field, bad.rule))
}

impl From<&JobMessage> for Message {
    fn from(message: &JobMessage) -> Self {
        Self {
            version: VERSION,
            id: message.id.to_string(),
            lane: Some(message.lane.to_string()),
            input: Input {
                url: (&message.input.url).into(),
                etag: message.input.etag.as_ref().map(ToString::to_string),
            },
            output: Output {
                url: (&message.output.url).into(),
                content_type: message.output.content_type.clone(),
            },
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
