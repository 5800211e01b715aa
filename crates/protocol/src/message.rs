//! The job message: what one job is, complete.
//! Must never be serialized but through [`JobMessage::encode`], because it holds two grants.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::{DecodeError, ETag, EncodeError, Grants, JobId, Lane, Limits, check, limits, wire};

/// One job. What was decoded is within all limits; what is built by hand is checked when it is encoded.
#[derive(Clone, PartialEq)]
pub struct JobMessage {
    /// Unique for all time.
    pub id: JobId,
    /// Whose work it is.
    pub lane: Lane,
    /// The rights to read its input and to create its output.
    pub grants: Grants,
    /// What to read.
    pub input: Input,
    /// What to write.
    pub output: Output,
    /// What to do.
    pub preset: PresetRef,
    /// Bounds that the sender sets for this job.
    pub limits: Limits,
    /// Its turn among jobs that wait.
    pub priority: Priority,
    /// The sender's own correlation data; Valet carries it and never acts on it.
    pub tags: BTreeMap<String, String>,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// From when on it is of no use: the earlier expiry of its grants. Later than `submitted_at`.
    pub not_after: Timestamp,
    /// How often its producer may still mint new grants for it when these have died.
    pub remints: u32,
    /// Attempts that were made under earlier grants: the first one under these is the next.
    pub attempts_before: u32,
}

/// The blob to read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Input {
    /// Which content of it is meant.
    pub etag: Option<ETag>,
}

/// The blob to write.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Output {
    /// Its content type; the preset's own if absent.
    pub content_type: Option<String>,
}

/// A preset by name and version, with parameters that only the preset can judge.
#[derive(Clone, PartialEq)]
pub struct PresetRef {
    /// `h264-720p`.
    pub name: String,
    /// Counted from 1.
    pub version: u32,
    /// Numbers, booleans and short texts.
    pub params: serde_json::Map<String, serde_json::Value>,
}

/// A job's turn among jobs that wait.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// After the others.
    Low,
    /// The usual.
    #[default]
    Normal,
    /// Before the others.
    High,
}

impl Priority {
    /// The AMQP `priority`: RabbitMQ's quorum queues call 0 to 4 normal and 5 to 9 high.
    pub fn amqp(self) -> u8 {
        match self {
            Self::Low => 1,
            Self::Normal => 4,
            Self::High => 9,
        }
    }
}

// By hand: tags and parameters are the sender's texts, and one may hold a URL that should not be there.
impl fmt::Debug for JobMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobMessage")
            .field("id", &self.id)
            .field("lane", &self.lane)
            .field("grants", &self.grants)
            .field("input", &self.input)
            .field("output", &self.output)
            .field("preset", &self.preset)
            .field("limits", &self.limits)
            .field("priority", &self.priority)
            .field("tags", &format_args!("{} entries", self.tags.len()))
            .field("submitted_at", &self.submitted_at)
            .field("not_after", &self.not_after)
            .field("remints", &self.remints)
            .field("attempts_before", &self.attempts_before)
            .finish()
    }
}

impl fmt::Debug for PresetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresetRef({} version {}, {} parameters)", self.name, self.version, self.params.len())
    }
}

impl JobMessage {
    /// Reads a message.
    ///
    /// # Errors
    /// [`DecodeError`] with the field and the rule that it breaks; never with a value.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let message = wire::decode(bytes)?;
        check::message(&message)?;
        Ok(message)
    }

    /// Writes a message: compact JSON, fields in the order of the documentation.
    ///
    /// # Errors
    /// [`EncodeError`] if a field or the whole breaks a limit.
    pub fn encode(&self) -> Result<WireBytes, EncodeError> {
        check::message(self)?;
        let bytes = wire::encode(self)?;
        match bytes.len() {
            size if size > limits::MESSAGE_BYTES_MAX => {
                Err(EncodeError::TooLarge { bytes: size, max: limits::MESSAGE_BYTES_MAX })
            }
            _ => Ok(WireBytes(Arc::new(bytes))),
        }
    }
}

/// A message on its way: zeroized when the last clone is dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct WireBytes(Arc<Zeroizing<Vec<u8>>>);

impl WireBytes {
    /// Takes bytes over that were received.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }
}

impl AsRef<[u8]> for WireBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for WireBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl fmt::Debug for WireBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WireBytes({} bytes)", self.0.len())
    }
}
