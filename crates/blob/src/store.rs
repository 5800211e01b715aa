//! One output blob by one Put Blob: whole or not at all, never over an existing blob.
//!
//! A create-only write whose answer is lost is ambiguous by nature; this says so instead of guessing.

use std::{fs::File, sync::Arc};

use jiff::Timestamp;
use reqwest::{
    Method, RequestBuilder, Response,
    header::{CONTENT_LENGTH, ETAG, IF_NONE_MATCH},
};
use valet_grant::{GrantUrl, WriteGrant};

use crate::{
    StorageError, StorageErrorKind, deadline::within, error::Failure, error::Subject, http::Client,
    input::text, retry::Tries, upload::Upload,
};

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

/// Writes `file` as the one blob that `grant` opens.
///
/// # Errors
/// [`StorageError`]; transient failures have been tried again. Above [`PUT_BYTES_MAX`] nothing is sent.
pub async fn store(
    client: &Client,
    grant: &WriteGrant,
    file: Arc<File>,
    spec: &StoreSpec,
) -> Result<Stored, StorageError> {
    // The length of an open file is in memory: no reason to leave this thread.
    let length = file.metadata().map(|data| data.len());
    let bytes = length.map_err(|error| Subject::storing(grant, 0).scratch(&error))?;
    let subject = Subject::storing(grant, bytes);
    if bytes > PUT_BYTES_MAX {
        return Err(subject.error(StorageErrorKind::TooLarge { bytes, bytes_max: PUT_BYTES_MAX }));
    }
    let put = Put { client, url: grant.url(), subject: &subject, file, bytes, spec };
    within(client, spec.deadline, &subject, Box::pin(put.run())).await
}

/// One output and the tries to put it.
struct Put<'a> {
    client: &'a Client,
    url: &'a GrantUrl,
    subject: &'a Subject,
    file: Arc<File>,
    bytes: u64,
    spec: &'a StoreSpec,
}

impl Put<'_> {
    async fn run(&self) -> Result<Stored, StorageError> {
        let mut tries = Tries::new(self.client, self.subject, self.spec.deadline);
        let mut unresolved = self.spec.earlier_attempt == EarlierAttempt::Possible;
        let mut upload = Upload::new(Arc::clone(&self.file), self.bytes);
        loop {
            tries.check_time()?;
            let failure = match self.once(&upload).await {
                Ok(response) => return Ok(created(&response)),
                Err(failure) => failure,
            };
            if unresolved && failure.error.kind == StorageErrorKind::NameCollision {
                return Ok(Stored { etag: None, outcome: StoreOutcome::ExistsAfterOwnAttempt });
            }
            unresolved |= failure.unresolved;
            upload = upload.held_back();
            tries.pause_after(failure).await?;
        }
    }

    async fn once(&self, upload: &Upload) -> Result<Response, Failure> {
        let (body, stall) = upload.body(self.client.stall_timeout());
        let request = self.request()?.body(body);
        // The answer is awaited while the body is sent: a refusal ends the upload at once.
        let sent = tokio::select! {
            sent = request.send() => sent,
            () = stall => return Err(self.subject.stalled()),
        };
        self.client.judge(sent, self.subject).await
    }

    fn request(&self) -> Result<RequestBuilder, Failure> {
        let StoreSpec { content_type, metadata, md5, .. } = self.spec;
        let request = self.client.request(Method::PUT, self.url.expose_url(), self.subject)?;
        Ok(request
            .header("x-ms-blob-type", "BlockBlob")
            .header("x-ms-blob-content-type", content_type)
            // Enforced where the grant has `w` too; a create-only grant cannot overwrite anyway.
            .header(IF_NONE_MATCH, "*")
            .header("content-md5", md5)
            .header(CONTENT_LENGTH, self.bytes)
            .header("x-ms-meta-job", &metadata.job)
            .header("x-ms-meta-attempt", metadata.attempt)
            .header("x-ms-meta-sha256", &metadata.sha256)
            .header("x-ms-meta-preset", &metadata.preset))
    }
}

fn created(response: &Response) -> Stored {
    Stored { etag: text(response.headers(), ETAG), outcome: StoreOutcome::Created }
}
