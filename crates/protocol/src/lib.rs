//! The wire format of Valet: the job message, the reports, their headers and every limit.
//! Bytes in, values out.
//!
//! This crate must never read a clock, do I/O or know a signing key, and nothing of it but
//! [`JobMessage::encode`] ever writes a grant: no `Debug`, `Display`, `Serialize` or error text holds one.
//!
//! `docs/wire-format.md` is the reference for engineers who use none of this code;
//! `docs/schema` holds the JSON Schemas that [`schema`] generates, and the AsyncAPI document of [`asyncapi`].

pub mod amqp;
pub mod asyncapi;
mod check;
mod de;
mod error;
mod etag;
mod id;
mod job_limits;
mod key;
mod lane;
mod lane_record;
pub mod limits;
mod message;
mod order;
mod reason;
mod report;
mod salvage;
pub mod schema;
pub mod sealed;
mod text;
mod tree;
mod wire;

pub use error::{DecodeError, EncodeError};
pub use etag::ETag;
pub use id::JobId;
pub use job_limits::Limits;
pub use key::JobKey;
pub use lane::Lane;
pub use lane_record::{LANE_RECORD_BYTES_MAX, LaneKind, LaneRecord, LaneRecordError, LaneState};
pub use limits::{MESSAGE_BYTES_MAX, REPORT_BYTES_MAX};
pub use message::{Input, JobMessage, Output, PresetRef, Priority, WireBytes};
pub use order::{CancelOrder, OrderError};
pub use reason::{Reason, UnknownReason};
pub use report::{
    Accepted, Cancelled, Dead, Event, Expired, Failed, MediaFacts, Progress, Reminted, Report, ReportData,
    ReportError, ReportKind, Retrying, Started, Stored, Submitted, Success, Timings,
};
pub use salvage::salvage_id;
pub use sealed::{Binding, Grants, SealedGrants, SealedHeader};
pub use text::{Advice, BlobText, Detail, ShortText, TagText, Text, WorkerName};

/// What is wrong with a text that should have become a [`JobId`], [`Lane`], [`ETag`] or [`SealedGrants`].
/// Holds the rule, never the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct BadText {
    /// The rule that was broken, to complete "`<field>` …": "must be a UUIDv7 …".
    pub rule: &'static str,
}
