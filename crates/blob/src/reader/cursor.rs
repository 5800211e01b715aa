//! A reading position that moves forward, and its guess of what will be read next.
//!
//! Each cursor is a run of its own: it begins with a small request, asks for twice as much whenever it has read half
//! of what it asked for, and asks for nothing that lies beyond its own end. A seek is a new cursor.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::{Reader, block::Lost};
use crate::StorageError;

/// Reads part of an input in order.
#[derive(Debug)]
pub struct Cursor {
    reader: Reader,
    start: u64,
    /// The next byte to hand out.
    position: u64,
    end: u64,
    /// Length of the present window in bytes; a power of two times the first one, up to the longest.
    window: u64,
    /// The end of what was asked for on behalf of this cursor.
    ahead: u64,
    /// Fetches follow it: they learn by it that this cursor is gone.
    alive: watch::Sender<()>,
}

impl Cursor {
    pub(super) fn new(reader: Reader, start: u64, end: u64) -> Self {
        let options = reader.options();
        let window = options.first_bytes;
        let ahead = (start - start % options.block_bytes).saturating_add(window);
        Self { reader, start, position: start, end, window, ahead, alive: watch::Sender::new(()) }
    }

    /// The next bytes, in order and at least one; `None` at the end, and after an error. A dropped future loses
    /// nothing.
    pub async fn next(&mut self) -> Option<Result<Bytes, Arc<StorageError>>> {
        if self.position >= self.end {
            return None;
        }
        let read = self.read().await;
        self.position = read.as_ref().map_or(self.end, |bytes| self.position + bytes.len() as u64);
        Some(read)
    }

    async fn read(&mut self) -> Result<Bytes, Arc<StorageError>> {
        let block_bytes = self.reader.options().block_bytes;
        self.look_ahead();
        let _wait = self.reader.wait();
        loop {
            let block = self.position / block_bytes;
            let run_end = self.block_after(self.ahead).max(block + 1);
            let lease = self.reader.lease(block, run_end, &self.alive).await;
            // Within a block, so it fits wherever a block does.
            let offset = usize::try_from(self.position % block_bytes).unwrap_or(usize::MAX);
            match lease.bytes_at(offset).await {
                Ok(bytes) => return Ok(self.cut(bytes)),
                Err(Lost::Failed(error)) => return Err(error),
                // Another cursor's fetch, which ended with it: ours comes next.
                Err(Lost::Abandoned) => {}
            }
        }
    }

    /// Widens the window when half of it is read, and asks for the next one.
    fn look_ahead(&mut self) {
        let left = self.ahead.saturating_sub(self.position);
        let half = self.window / 2;
        // A run may begin near the end of its first window; that alone does not make it a long one.
        let is_long = self.position - self.start >= half || left == 0;
        if left > half || !is_long || self.ahead >= self.end {
            return;
        }
        self.window = self.window.saturating_mul(2).min(self.reader.options().window_bytes_max);
        self.ahead = self.ahead.max(self.position).saturating_add(self.window);
        let block = self.position / self.reader.options().block_bytes;
        self.reader.prefetch(block, self.block_after(self.ahead), &self.alive);
    }

    /// The block after the one in which `offset`, or this cursor's end, is reached.
    fn block_after(&self, offset: u64) -> u64 {
        offset.min(self.end).div_ceil(self.reader.options().block_bytes)
    }

    fn cut(&self, bytes: Bytes) -> Bytes {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        if bytes.len() > left { bytes.slice(..left) } else { bytes }
    }
}
