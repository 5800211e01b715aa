//! The one input blob of a job: opened once, from then on pinned to the content first seen.

use valet_grant::ReadGrant;

use crate::{StorageError, http::Client};

/// An opened input: its length and its identity are known, no byte has been read.
#[derive(Debug, Clone)]
pub struct Input {}

impl Input {
    /// Asks storage for the blob that `grant` opens. Every later read fails if the blob's content has changed since.
    ///
    /// `etag`: the content that the job was made for; another one is refused.
    ///
    /// # Errors
    /// [`StorageError`]; transient failures have been tried again.
    pub async fn open(client: &Client, grant: &ReadGrant, etag: Option<&str>) -> Result<Self, StorageError> {
        let _ = (client, grant, etag);
        todo!()
    }

    /// Length in bytes.
    pub fn bytes(&self) -> u64 {
        todo!()
    }

    /// The ETag that every read is pinned to, with its quotes.
    pub fn etag(&self) -> &str {
        todo!()
    }

    /// The MD5 that storage keeps for the whole blob, in base64.
    pub fn content_md5(&self) -> Option<&str> {
        todo!()
    }

    /// The content type that the blob's owner gave it.
    pub fn content_type(&self) -> Option<&str> {
        todo!()
    }
}
