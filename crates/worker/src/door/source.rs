//! What a door leads to: a blob that is read as it is asked for, or a file of ours.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use valet_blob::Reader;

use super::trip::Trip;

/// Bytes of a file read in one visit to the blocking threads.
const READ_BYTES: u64 = 512 << 10;

/// The one object behind a door.
#[derive(Debug, Clone)]
pub enum Source {
    /// The job's input.
    Blob(Reader),
    /// A file, such as an output that is looked at.
    File {
        /// Open for reading.
        file: Arc<File>,
        /// How much of it there is to read, in bytes.
        bytes: u64,
    },
}

impl Source {
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Blob(reader) => reader.bytes(),
            Self::File { bytes, .. } => *bytes,
        }
    }

    /// The trip of a door that is given up now, if its source lets the codec wait, for `at_least` without a break.
    pub(super) fn late(&self, at_least: Duration) -> Option<Trip> {
        match self {
            Self::Blob(reader) => reader.late(at_least).map(|error| Trip::Storage(Arc::new(error))),
            // A file of ours answers at once, or with an error.
            Self::File { .. } => None,
        }
    }

    /// `start..end` in order. Nothing is read before it is polled; dropped, it asks for no more.
    pub(super) fn pieces(&self, start: u64, end: u64) -> BoxStream<'static, Result<Bytes, Trip>> {
        match self {
            Self::Blob(reader) => {
                let cursor = reader.cursor(start, end);
                let pieces = stream::unfold(cursor, async |mut cursor| {
                    let piece = cursor.next().await?;
                    Some((piece.map_err(Trip::Storage), cursor))
                });
                pieces.boxed()
            }
            Self::File { file, .. } => {
                let pieces = stream::try_unfold((Arc::clone(file), start, end), async |(file, from, end)| {
                    if from >= end {
                        return Ok(None);
                    }
                    let to = end.min(from.saturating_add(READ_BYTES));
                    let piece = read(Arc::clone(&file), from, to).await;
                    let piece = piece.map_err(|error| Trip::File(Arc::new(error)))?;
                    Ok(Some((piece, (file, to, end))))
                });
                pieces.boxed()
            }
        }
    }
}

async fn read(file: Arc<File>, from: u64, to: u64) -> io::Result<Bytes> {
    let read = move || {
        let mut piece = vec![0; usize::try_from(to - from).map_err(io::Error::other)?];
        file.read_exact_at(&mut piece, from)?;
        Ok(Bytes::from(piece))
    };
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
}
