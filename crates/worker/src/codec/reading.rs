//! Tasks that read a codec's pipes. They are bounded in memory and in time, and end with their owner.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::watch as channel;
use tokio::task::JoinHandle;

use super::progress::{Blocks, Progress};

/// How long the pipes and the door of an ended codec may still have bytes: never wait for their end alone.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

/// A task that is stopped when this is dropped.
#[derive(Debug)]
pub(super) struct Reading<T>(JoinHandle<T>);

impl<T: Send + 'static> Reading<T> {
    pub(super) fn spawn(read: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(read))
    }
}

impl<T: Default> Reading<T> {
    /// What was read; nothing when the pipe is still open after [`DRAIN_TIMEOUT`].
    pub(super) async fn end(reading: Option<Self>) -> T {
        let Some(mut reading) = reading else { return T::default() };
        let ended = tokio::time::timeout(DRAIN_TIMEOUT, &mut reading.0).await;
        ended.ok().and_then(Result::ok).unwrap_or_default()
    }
}

impl<T> Drop for Reading<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reads progress blocks until the pipe ends.
pub(super) async fn read_progress(mut stdout: impl AsyncRead + Unpin, progress: channel::Sender<Progress>) {
    let (mut blocks, mut buffer) = (Blocks::default(), [0; 4 * 1024]);
    while let Ok(count @ 1..) = stdout.read(&mut buffer).await {
        if let Some(block) = blocks.push(&buffer[..count]) {
            progress.send_replace(block);
        }
    }
}

/// Reads all, keeps at most one byte more than `bytes_max`: enough to know that it was too much.
pub(crate) async fn read_at_most(mut stdout: impl AsyncRead + Unpin, bytes_max: usize) -> Vec<u8> {
    let (mut kept, mut buffer) = (Vec::new(), [0; 8 * 1024]);
    while let Ok(count @ 1..) = stdout.read(&mut buffer).await {
        let room = (bytes_max + 1).saturating_sub(kept.len());
        kept.extend_from_slice(&buffer[..count.min(room)]);
    }
    kept
}
