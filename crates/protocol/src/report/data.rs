//! What each kind of report carries.
//! Must never gain a field that could hold a URL.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ReportKind;
use crate::{Advice, BlobText, Detail, Priority, Reason, ShortText, TagText};

/// A report's content. `Serialize` writes `{"type": …, "data": …}`; on the wire the type is a header.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(tag = "type", content = "data")]
#[allow(missing_docs)] // each variant is ReportKind's, documented there
pub enum ReportData {
    #[serde(rename = "valet.job.submitted")]
    Submitted(Box<Submitted>),
    #[serde(rename = "valet.job.accepted")]
    Accepted(Accepted),
    #[serde(rename = "valet.job.started")]
    Started(Started),
    #[serde(rename = "valet.job.progress")]
    Progress(Progress),
    #[serde(rename = "valet.job.succeeded")]
    Succeeded(Box<Success>),
    #[serde(rename = "valet.job.failed")]
    Failed(Failed),
    #[serde(rename = "valet.job.retrying")]
    Retrying(Retrying),
    #[serde(rename = "valet.job.expired")]
    Expired(Expired),
    #[serde(rename = "valet.job.reminted")]
    Reminted(Reminted),
    #[serde(rename = "valet.job.dead")]
    Dead(Dead),
    #[serde(rename = "valet.job.cancelled")]
    Cancelled(Cancelled),
}

impl ReportData {
    /// The kind of this content.
    pub fn kind(&self) -> ReportKind {
        match self {
            Self::Submitted(_) => ReportKind::Submitted,
            Self::Accepted(_) => ReportKind::Accepted,
            Self::Started(_) => ReportKind::Started,
            Self::Progress(_) => ReportKind::Progress,
            Self::Succeeded(_) => ReportKind::Succeeded,
            Self::Failed(_) => ReportKind::Failed,
            Self::Retrying(_) => ReportKind::Retrying,
            Self::Expired(_) => ReportKind::Expired,
            Self::Reminted(_) => ReportKind::Reminted,
            Self::Dead(_) => ReportKind::Dead,
            Self::Cancelled(_) => ReportKind::Cancelled,
        }
    }

    /// Whether no other report of this job follows, unless somebody submits or replays it.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Expired(expired) => expired.remints_left == 0,
            other => other.kind().is_final(),
        }
    }
}

/// The job is on the broker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Submitted {
    /// The preset's name.
    pub preset: ShortText,
    /// The preset's version.
    pub version: u32,
    /// `account/container/blob` of the input.
    pub input: BlobText,
    /// `account/container/blob` of the output.
    pub output: BlobText,
    /// The sender's own correlation data.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<ShortText, TagText>,
    /// Its turn among jobs that wait.
    #[serde(default)]
    pub priority: Priority,
    /// When it was submitted, as its message says.
    #[schemars(with = "crate::wire::TimeText")]
    pub submitted_at: Timestamp,
    /// From when on it is of no use with these grants.
    #[schemars(with = "crate::wire::TimeText")]
    pub not_after: Timestamp,
    /// Wall clock limit of an attempt, in seconds.
    pub wall_seconds: u32,
    /// How often new grants may be minted for it.
    #[serde(default)]
    pub remints: u32,
}

/// New grants were minted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reminted {
    /// From when on the job is of no use with the new grants.
    #[schemars(with = "crate::wire::TimeText")]
    pub not_after: Timestamp,
    /// How often they may be minted again.
    pub remints_left: u32,
}

/// The message is sound and a worker has it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Accepted {}

/// The input is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Started {
    /// The preset's name.
    pub preset: ShortText,
    /// The preset's version.
    pub version: u32,
    /// Size of the input, in bytes.
    pub input_bytes: u64,
    /// The content that is read: the input's entity tag, with its quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_etag: Option<ShortText>,
    /// Which walls stand around the codec: `L1` or `L2`; absent if it is not started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jail: Option<ShortText>,
}

/// How far the codec is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Progress {
    /// Counts the progress reports of one attempt from 1.
    pub sequence: u32,
    /// What is being done: `fetch` (a copy alone), `codec`, `finalising`.
    pub phase: ShortText,
    /// 0 to 100, if the duration is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// Frames per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
    /// Seconds of media per second of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Seconds of media made so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_seconds: Option<f64>,
}

/// Whether this attempt's write created the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stored {
    /// Storage confirmed this attempt's write.
    Created,
    /// The output exists after a write of ours whose answer was lost: compare size and hash.
    ExistsAfterOwnAttempt,
    /// The output was there before this attempt encoded, after an earlier attempt or delivery of this job:
    /// what it holds is not known to the worker.
    Found,
}

/// The output is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Success {
    /// Whether this attempt's write created the output.
    pub stored: Stored,
    /// `account/container/blob` of the output.
    pub output: BlobText,
    /// Content type of the output.
    pub content_type: ShortText,
    /// Size of the input, in bytes.
    pub input_bytes: u64,
    /// Size of the output, in bytes; absent if it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// SHA-256 of the output, in lower-case hex; absent if it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<ShortText>,
    /// MD5 of the output, in base64 as in `Content-MD5`; absent if it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<ShortText>,
    /// What the output is, if it is media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaFacts>,
    /// Where the time went.
    pub timings: Timings,
    /// The codec's name and version.
    pub codec_version: ShortText,
    /// Which walls stood around the codec: `L1` or `L2`; absent if it was not started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jail: Option<ShortText>,
}

/// What a media file is, as ffprobe tells.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MediaFacts {
    /// Format name: `mov,mp4,m4a,3gp,3g2,mj2`.
    pub format: ShortText,
    /// Duration in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// Width in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Codec of the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_codec: Option<ShortText>,
    /// Codec of the sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_codec: Option<ShortText>,
}

/// Where the time of one attempt went, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Timings {
    /// From submission to this attempt's start.
    pub queue_ms: u64,
    /// Reading the input.
    pub fetch_ms: u64,
    /// The codec.
    pub codec_ms: u64,
    /// Checking the result.
    pub check_ms: u64,
    /// Writing the output.
    pub store_ms: u64,
    /// The whole attempt, without the queue.
    pub total_ms: u64,
}

/// The job cannot succeed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Failed {
    /// The stable code.
    pub reason: Reason,
    /// What happened.
    pub detail: Detail,
    /// What to do.
    pub advice: Advice,
}

/// Another attempt follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Retrying {
    /// The stable code.
    pub reason: Reason,
    /// What happened.
    pub detail: Detail,
    /// The next attempt's number.
    pub next_attempt: u32,
    /// When it comes, in seconds from now.
    pub delay_seconds: u32,
}

/// The grants or the message ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Expired {
    /// The stable code.
    pub reason: Reason,
    /// What happened.
    pub detail: Detail,
    /// When they ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::wire::TimeText>")]
    pub not_after: Option<Timestamp>,
    /// How often the producer may still mint new grants for it; at 0 this is the job's end.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub remints_left: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The message is a dead letter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Dead {
    /// The stable code.
    pub reason: Reason,
    /// What happened.
    pub detail: Detail,
}

/// Somebody cancelled the job.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Cancelled {
    /// What was going on then.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub detail: Detail,
}

fn is_empty(detail: &Detail) -> bool {
    detail.as_str().is_empty()
}
