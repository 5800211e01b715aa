//! The whole input into one scratch file: several ranges in flight, each written where it belongs, hashed as the
//! file grows whole.
//!
//! Memory holds one buffer for each range in flight, whatever the blob's length.

use std::{fs::File, io, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::{
    Digests, Input, StorageError, StorageErrorKind,
    deadline::within,
    digest::Hashing,
    frontier::Frontier,
    range::RangeRead,
    scratch::{Scratch, ScratchSink},
};

/// The longest input that is fetched unless the caller says otherwise.
const INPUT_BYTES_MAX: u64 = 50 << 30;

/// How an input is fetched.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// A longer input is refused before any of its bytes is asked for.
    pub bytes_max: u64,
    /// Ranges asked for at the same time; at least 1.
    pub ranges_in_flight: usize,
    /// Length of one range in bytes; at least 1.
    pub range_bytes: u64,
    /// When the fetch must have ended; `None`: no new try after the grant's expiry, else open.
    pub deadline: Option<Timestamp>,
}

impl Default for FetchOptions {
    /// 50 GiB at most, 4 ranges of 8 MiB in flight, no deadline.
    fn default() -> Self {
        Self { bytes_max: INPUT_BYTES_MAX, ranges_in_flight: 4, range_bytes: 8 << 20, deadline: None }
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
    /// Writes the whole blob to `file`, which is open for reading and writing; what it held is gone.
    ///
    /// # Errors
    /// [`StorageError`]; transient failures have been tried again. The file's content is then undefined.
    pub async fn fetch(&self, file: Arc<File>, options: FetchOptions) -> Result<Fetched, StorageError> {
        if self.bytes() > options.bytes_max {
            let kind = StorageErrorKind::TooLarge { bytes: self.bytes(), bytes_max: options.bytes_max };
            return Err(self.subject.error(kind));
        }
        let work = Box::pin(self.fetch_whole(file, &options));
        within(&self.client, options.deadline, &self.subject, work).await
    }

    async fn fetch_whole(&self, file: Arc<File>, options: &FetchOptions) -> Result<Fetched, StorageError> {
        let scratch = self.on_disk(Scratch::of(file, self.bytes()).await)?;
        let frontier = Frontier::new();
        let hashing = Hashing::new(scratch.file());
        let follow = async { self.on_disk(hash_behind(hashing, frontier.follow(), self.bytes()).await) };
        let ((), digests) = tokio::try_join!(self.fetch_ranges(&scratch, &frontier, options), follow)?;
        self.checked(digests)
    }

    async fn fetch_ranges(
        &self,
        scratch: &Scratch,
        frontier: &Frontier,
        options: &FetchOptions,
    ) -> Result<(), StorageError> {
        let length = options.range_bytes.max(1);
        let count = self.bytes().div_ceil(length);
        let reads = (0..count).map(|index| {
            let start = index * length;
            let end = start.saturating_add(length).min(self.bytes());
            let sink = ScratchSink::new(self, scratch, frontier, start);
            RangeRead::new(self, start, end, sink).run(options.deadline)
        });
        stream::iter(reads).buffer_unordered(options.ranges_in_flight.max(1)).try_collect().await
    }

    fn checked(&self, digests: Digests) -> Result<Fetched, StorageError> {
        let md5_check = match self.content_md5() {
            None => Md5Check::NotStored,
            Some(stored) if stored == digests.md5 => Md5Check::Matched,
            Some(_) => return Err(self.subject.error(StorageErrorKind::Md5Mismatch)),
        };
        let Digests { bytes, md5, sha256 } = digests;
        Ok(Fetched { bytes, md5, sha256, md5_check })
    }

    pub(crate) fn on_disk<T>(&self, result: io::Result<T>) -> Result<T, StorageError> {
        result.map_err(|error| self.subject.scratch(&error))
    }
}

/// Hashes the file right behind the frontier, so that the bytes are still in the page cache and no second pass
/// over the disk is needed.
async fn hash_behind(
    mut hashing: Hashing,
    mut whole: watch::Receiver<u64>,
    bytes: u64,
) -> io::Result<Digests> {
    while hashing.bytes() < bytes {
        let hashed = hashing.bytes();
        let reached = *whole.wait_for(|whole| *whole > hashed).await.map_err(io::Error::other)?;
        hashing = hashing.advance(reached).await?;
    }
    Ok(hashing.finish())
}
