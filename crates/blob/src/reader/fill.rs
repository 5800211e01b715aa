//! The fetch of neighbouring blocks by one range, handed on piece by piece as the bytes come.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use tokio::sync::watch;

use super::block::{Filling, PIECE_BYTES};
use crate::{
    Input, StorageError,
    deadline::within,
    range::{RangeRead, Sink},
};

/// A fetch that nobody reads is still read to its end when no more than this is left: giving it up closes the
/// connection, and the next request would pay for a new one.
const WORTH_KEEPING_BYTES: u64 = 1 << 20;

/// What a reader's fetches cost.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Traffic {
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Fills the blocks of `sink`; ends early when the cursor behind `alive` is gone and much is left.
pub(super) async fn fill(
    input: Input,
    mut sink: BlockSink,
    deadline: Option<Timestamp>,
    mut alive: watch::Receiver<()>,
) {
    let left = Arc::clone(&sink.left);
    let read = RangeRead::new(&input, sink.start, sink.end, &mut sink).run(deadline);
    let mut read = Box::pin(within(&input.client, deadline, &input.subject, read));
    let ended = tokio::select! {
        ended = &mut read => ended,
        // Nothing is ever sent there: it changes by its end.
        _ = alive.changed() => match left.load(Ordering::Relaxed) > WORTH_KEEPING_BYTES {
            true => return,
            false => read.as_mut().await,
        },
    };
    drop(read);
    if let Err(error) = ended {
        sink.fail(error);
    }
}

/// Cuts a range into blocks and pieces. Bytes are copied once, here: what comes from the network lies in buffers of
/// unknown size, and the budget promises a known one.
#[derive(Debug)]
pub(super) struct BlockSink {
    /// Those that are not whole yet.
    blocks: VecDeque<Filling>,
    block_bytes: u64,
    start: u64,
    end: u64,
    /// Where the piece in the making ends, and what it lacks.
    piece_end: u64,
    piece_left: usize,
    /// Empty between pieces.
    piece: BytesMut,
    left: Arc<AtomicU64>,
    traffic: Arc<Traffic>,
}

impl BlockSink {
    pub(super) fn new(
        blocks: Vec<Filling>,
        start: u64,
        end: u64,
        block_bytes: u64,
        traffic: Arc<Traffic>,
    ) -> Self {
        let left = Arc::new(AtomicU64::new(end - start));
        let (blocks, piece) = (blocks.into(), BytesMut::new());
        Self { blocks, block_bytes, start, end, piece_end: start, piece_left: 0, piece, left, traffic }
    }

    fn fail(self, error: StorageError) {
        let error = Arc::new(error);
        self.blocks.into_iter().for_each(|block| block.fail(Arc::clone(&error)));
    }

    /// Makes the buffer of the piece that comes next: whole, or up to the end of its block or of the range.
    fn begin_piece(&mut self) {
        let start = self.piece_end;
        let block_end = (start / self.block_bytes + 1).saturating_mul(self.block_bytes);
        self.piece_end = (start + PIECE_BYTES as u64).min(block_end).min(self.end);
        self.piece_left = usize::try_from(self.piece_end - start).unwrap_or(PIECE_BYTES);
        self.piece = BytesMut::with_capacity(self.piece_left);
    }

    fn end_piece(&mut self) {
        let piece = std::mem::take(&mut self.piece).freeze();
        let ends_block = self.piece_end.is_multiple_of(self.block_bytes) || self.piece_end == self.end;
        let Some(block) = self.blocks.front() else { return };
        block.push(piece);
        if ends_block && let Some(block) = self.blocks.pop_front() {
            block.finish();
        }
    }
}

impl Sink for &mut BlockSink {
    fn asking(&mut self) {
        self.traffic.requests.fetch_add(1, Ordering::Relaxed);
    }

    async fn take(&mut self, mut bytes: Bytes) -> Result<(), StorageError> {
        self.traffic.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.left.fetch_sub(bytes.len() as u64, Ordering::Relaxed);
        while !bytes.is_empty() {
            if self.piece_left == 0 {
                self.begin_piece();
            }
            let part = bytes.split_to(self.piece_left.min(bytes.len()));
            self.piece.extend_from_slice(&part);
            self.piece_left -= part.len();
            if self.piece_left == 0 {
                self.end_piece();
            }
        }
        Ok(())
    }

    /// A piece that is not whole waits for the bytes of the next try.
    async fn settle(&mut self) -> Result<(), StorageError> {
        Ok(())
    }
}
