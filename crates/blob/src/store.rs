//! One output blob by one Put Blob: whole or not at all, never over an existing blob.

use std::path::Path;

use jiff::Timestamp;
use valet_grant::WriteGrant;

use crate::{StorageError, http::Client};

/// The most that one Put Blob carries: 5,000 MiB (from version 2019-12-12 on).
pub const PUT_BYTES_MAX: u64 = 5_000 << 20;

/// Facts kept with the blob as `x-ms-meta-*`, by which the producer recognises a job's own output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Job id.
    pub job: String,
    /// Attempt number, from 1.
    pub attempt: u32,
    /// SHA-256 of the bytes in lower-case hexadecimal.
    pub sha256: String,
    /// Preset and version, such as `h264-720p/1`.
    pub preset: String,
}

/// Whether a try before this call may have stored the output already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EarlierAttempt {
    /// No: an existing blob is somebody else's.
    #[default]
    None,
    /// Yes (a redelivered or retried job): an existing blob may be this job's.
    Possible,
}

/// What is stored.
#[derive(Debug, Clone)]
pub struct StoreSpec {
    /// The blob's content type.
    pub content_type: String,
    /// Kept with the blob.
    pub metadata: Metadata,
    /// MD5 of the file in base64; storage refuses other bytes.
    pub md5: String,
    /// Whether an existing blob may be ours.
    pub earlier_attempt: EarlierAttempt,
    /// When the store must have ended; `None`: no new try after the grant's expiry, else open.
    pub deadline: Option<Timestamp>,
}

/// Whether the blob is known to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreOutcome {
    /// Storage said so.
    Created,
    /// A blob of that name exists after a try of ours whose answer was lost: only a reader can tell whose it is.
    ExistsAfterOwnAttempt,
}

/// A stored output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The new blob's ETag; `None` when its creation was not seen.
    pub etag: Option<String>,
    /// Whether the blob is known to be ours.
    pub outcome: StoreOutcome,
}

/// Writes the file at `path` as the one blob that `grant` opens.
///
/// # Errors
/// [`StorageError`]; transient failures have been tried again. Above [`PUT_BYTES_MAX`] nothing is sent.
pub async fn store(
    client: &Client,
    grant: &WriteGrant,
    path: &Path,
    spec: &StoreSpec,
) -> Result<Stored, StorageError> {
    let _ = (client, grant, path, spec);
    todo!()
}
