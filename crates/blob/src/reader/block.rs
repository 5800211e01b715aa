//! One block of the blob: filled piece by piece by one fetch, read by any number of cursors meanwhile.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::budget::{News, Room};
use crate::StorageError;

/// What is handed on at a time. A piece is an allocation of its own, so one that still waits for the codec does not
/// keep its block in memory; and small enough that a slow line's first bytes need not wait for many others.
pub(super) const PIECE_BYTES: usize = 64 << 10;

/// A block, and its place in the budget for as long as anybody holds it.
#[derive(Debug)]
pub(super) struct Block {
    content: watch::Sender<Content>,
    room: Room,
}

#[derive(Debug, Default)]
struct Content {
    /// All of [`PIECE_BYTES`], except the block's last one.
    pieces: Vec<Bytes>,
    end: Option<End>,
}

/// How the filling of a block ended.
#[derive(Debug, Clone)]
enum End {
    Whole,
    Failed(Arc<StorageError>),
    /// Nobody wanted it any more.
    Abandoned,
}

/// Why a block does not have the bytes asked for, and will not.
#[derive(Debug)]
pub(super) enum Lost {
    /// They could not be fetched.
    Failed(Arc<StorageError>),
    /// The fetch was given up; another one may be begun.
    Abandoned,
}

impl Block {
    pub(super) fn new(room: Room) -> Arc<Self> {
        Arc::new(Self { content: watch::Sender::default(), room })
    }

    /// Whether its bytes are there, or on their way.
    pub(super) fn is_usable(&self) -> bool {
        matches!(self.content.borrow().end, None | Some(End::Whole))
    }

    /// Whether only the cache holds it, so that dropping it there makes room.
    pub(super) fn is_idle(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1
    }
}

/// A hold on a block. While one lasts, the block stays in memory.
#[derive(Debug)]
pub(super) struct Lease {
    block: Arc<Block>,
    /// After the block, since whoever it wakes wants the block to be free.
    _news: News,
}

impl Lease {
    pub(super) fn new(block: &Arc<Block>) -> Self {
        Self { block: Arc::clone(block), _news: block.room.news() }
    }

    /// Some bytes from `offset` within the block on, at least one. Waits until they have come.
    pub(super) async fn bytes_at(&self, offset: usize) -> Result<Bytes, Lost> {
        let index = offset / PIECE_BYTES;
        let mut content = self.block.content.subscribe();
        let content = content.wait_for(|content| content.pieces.len() > index || content.end.is_some());
        // It cannot be closed: the sender is in the block that we hold.
        let Ok(content) = content.await else { return Err(Lost::Abandoned) };
        match (content.pieces.get(index), &content.end) {
            (Some(piece), _) => Ok(piece.slice(offset % PIECE_BYTES..)),
            (None, Some(End::Failed(error))) => Err(Lost::Failed(Arc::clone(error))),
            (None, _) => Err(Lost::Abandoned),
        }
    }
}

/// The right to fill one block. Dropped before the block is whole, it leaves it abandoned.
#[derive(Debug)]
pub(super) struct Filling(Lease);

impl Filling {
    pub(super) fn new(block: &Arc<Block>) -> Self {
        Self(Lease::new(block))
    }

    /// Adds the next piece.
    pub(super) fn push(&self, piece: Bytes) {
        self.0.block.content.send_modify(|content| content.pieces.push(piece));
    }

    /// The last piece has been added.
    pub(super) fn finish(self) {
        self.end(End::Whole);
    }

    /// The missing pieces will not come.
    pub(super) fn fail(self, error: Arc<StorageError>) {
        self.end(End::Failed(error));
    }

    fn end(&self, end: End) {
        self.0.block.content.send_if_modified(|content| {
            let is_first = content.end.is_none();
            content.end.get_or_insert(end);
            is_first
        });
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        self.end(End::Abandoned);
    }
}
