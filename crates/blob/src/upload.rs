//! The body of a Put Blob: a file sent piece by piece, and the watch over its pace.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{Stream, stream};
use reqwest::Body;
use tokio::{sync::watch, time::timeout};

use crate::error::BodyRead;

/// Bytes read and sent at a time.
const READ_BYTES: u64 = 256 << 10;

/// How long the second try holds its body back, so that a server which refuses by the headers alone is heard before our
/// bytes make it reset the connection. Each later try waits twice as long: a server may be slow because it is busy.
const HOLD_BACK: Duration = Duration::from_millis(200);

/// No try holds its body back for longer.
const HOLD_BACK_MAX: Duration = Duration::from_secs(3);

/// How many stall times storage may take to answer after the last byte: it commits up to 5,000 MiB in that time.
const ANSWER_STALLS: u32 = 3;

/// A file to be sent, as often as it takes.
#[derive(Debug)]
pub(crate) struct Upload {
    file: Arc<File>,
    bytes: u64,
    hold_back: Duration,
}

impl Upload {
    pub(crate) fn new(file: Arc<File>, bytes: u64) -> Self {
        Self { file, bytes, hold_back: Duration::ZERO }
    }

    /// The same upload for a try after a failed one.
    pub(crate) fn held_back(self) -> Self {
        Self { hold_back: (self.hold_back * 2).clamp(HOLD_BACK, HOLD_BACK_MAX), ..self }
    }

    /// The body, and a future that ends when the body has not moved for `stall_timeout` (thrice that once it is sent).
    pub(crate) fn body(&self, stall_timeout: Duration) -> (Body, impl Future<Output = ()> + use<>) {
        let (sent, pace) = watch::channel(0);
        let stall = stalled(pace, self.bytes, stall_timeout);
        (Body::wrap_stream(pieces(Arc::clone(&self.file), self.bytes, self.hold_back, sent)), stall)
    }
}

fn pieces(
    file: Arc<File>,
    bytes: u64,
    hold_back: Duration,
    sent: watch::Sender<u64>,
) -> impl Stream<Item = Result<Bytes, BodyRead>> {
    stream::try_unfold((file, 0, sent), move |(file, offset, sent)| async move {
        sent.send_replace(offset);
        if offset == 0 {
            tokio::time::sleep(hold_back).await;
        }
        if offset == bytes {
            return Ok(None);
        }
        let length = READ_BYTES.min(bytes - offset);
        let piece = read(Arc::clone(&file), offset, length).await.map_err(BodyRead)?;
        Ok(Some((piece, (file, offset + length, sent))))
    })
}

async fn read(file: Arc<File>, offset: u64, length: u64) -> io::Result<Bytes> {
    let read = move || {
        let mut piece = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_exact_at(&mut piece, offset)?;
        Ok(Bytes::from(piece))
    };
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
}

async fn stalled(mut pace: watch::Receiver<u64>, bytes: u64, stall_timeout: Duration) {
    loop {
        let is_sent = *pace.borrow_and_update() == bytes;
        let patience = if is_sent { stall_timeout * ANSWER_STALLS } else { stall_timeout };
        match timeout(patience, pace.changed()).await {
            Err(_) => return,
            Ok(Ok(())) => {}
            // The body is gone: sent whole, or dropped with the connection. Only the answer is awaited now.
            Ok(Err(_)) => return tokio::time::sleep(stall_timeout * ANSWER_STALLS).await,
        }
    }
}
