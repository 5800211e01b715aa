//! The whole input into one scratch file: several ranges in flight, each written where it belongs.

use std::path::Path;

use jiff::Timestamp;

use crate::{Input, StorageError};

/// How an input is fetched.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// A longer input is refused before any of its bytes is asked for.
    pub bytes_max: u64,
    /// Ranges asked for at the same time; at least 1.
    pub ranges_in_flight: usize,
    /// Length of one range in bytes; at least 1.
    pub range_bytes: u64,
    /// When the fetch must have ended; `None`: when the grant expires.
    pub deadline: Option<Timestamp>,
}

impl Default for FetchOptions {
    /// 50 GiB at most, 4 ranges of 8 MiB in flight, no deadline.
    fn default() -> Self {
        Self { bytes_max: 50 << 30, ranges_in_flight: 4, range_bytes: 8 << 20, deadline: None }
    }
}

/// Whether the fetched bytes were compared with storage's MD5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Md5Check {
    /// They match.
    Matched,
    /// Storage keeps none for this blob (chunked uploads often have none).
    NotStored,
}

/// A fetched input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Length in bytes.
    pub bytes: u64,
    /// MD5 in base64.
    pub md5: String,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Whether storage's MD5 was compared.
    pub md5_check: Md5Check,
}

impl Input {
    /// Writes the whole blob to a new file at `path` (an old one is replaced).
    ///
    /// # Errors
    /// [`StorageError`]; transient failures have been tried again. The file's content is then undefined.
    pub async fn fetch(&self, path: &Path, options: FetchOptions) -> Result<Fetched, StorageError> {
        let _ = (path, options);
        todo!()
    }
}
