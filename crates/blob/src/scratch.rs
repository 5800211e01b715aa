//! The scratch file that an input lands in: written at any offset, off the async threads.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

use bytes::Bytes;
use tokio::task::spawn_blocking;

use crate::{Input, StorageError, frontier::Frontier, range::Sink};

/// Bytes gathered before a write: few trips to the blocking threads, little memory.
const WRITE_BYTES: usize = 1 << 20;

/// An open scratch file of known length.
#[derive(Debug, Clone)]
pub(crate) struct Scratch(Arc<File>);

impl Scratch {
    /// Gives `file` the length of what it will hold; what it held is gone.
    pub(crate) async fn of(file: Arc<File>, bytes: u64) -> io::Result<Self> {
        let resize = move || {
            file.set_len(0)?;
            file.set_len(bytes)?;
            Ok(Self(file))
        };
        spawn_blocking(resize).await.map_err(io::Error::other)?
    }

    pub(crate) fn file(&self) -> Arc<File> {
        Arc::clone(&self.0)
    }

    /// Writes `buffer` at `offset` and gives it back, emptied for its next use.
    async fn write_at(&self, mut buffer: Vec<u8>, offset: u64) -> io::Result<Vec<u8>> {
        let file = self.file();
        let write = move || {
            file.write_all_at(&buffer, offset)?;
            buffer.clear();
            Ok(buffer)
        };
        spawn_blocking(write).await.map_err(io::Error::other)?
    }
}

/// Writes one range where it belongs.
pub(crate) struct ScratchSink<'a> {
    input: &'a Input,
    scratch: &'a Scratch,
    frontier: &'a Frontier,
    /// The first byte not yet written.
    written: u64,
    buffer: Vec<u8>,
}

impl<'a> ScratchSink<'a> {
    pub(crate) fn new(input: &'a Input, scratch: &'a Scratch, frontier: &'a Frontier, start: u64) -> Self {
        Self { input, scratch, frontier, written: start, buffer: Vec::new() }
    }
}

impl Sink for ScratchSink<'_> {
    async fn take(&mut self, bytes: Bytes) -> Result<(), StorageError> {
        if self.buffer.len() + bytes.len() > WRITE_BYTES {
            self.settle().await?;
        }
        if self.buffer.capacity() == 0 {
            self.buffer.reserve_exact(WRITE_BYTES);
        }
        self.buffer.extend_from_slice(&bytes);
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), StorageError> {
        let start = self.written;
        let end = start + self.buffer.len() as u64;
        if start == end {
            return Ok(());
        }
        let buffer = std::mem::take(&mut self.buffer);
        self.buffer = self.input.on_disk(self.scratch.write_at(buffer, start).await)?;
        self.written = end;
        self.frontier.add(start, end);
        Ok(())
    }
}
