//! Reading a stream: replay from a time or offset, then follow.
//!
//! A stream keeps what was read, so many readers see every entry. Over AMQP it needs a prefetch
//! and acks (they are credit, and remove nothing). **Caught up**: a reader that may write to the log
//! reads until its own [`mark`] comes, which is exact. Any other one looks with a second consumer at the
//! stream's last chunk, takes it for whole after a short silence, and has caught up once it has given
//! that offset out. Must never skip an entry on a reconnect: it resumes by offset.

mod attach;
mod mark;
mod reader;

pub(crate) use mark::Marker;
pub(crate) use reader::{chain, headers};

use crate::link::Link;
use jiff::Timestamp;
use lapin::message::Delivery;
use reader::Reader;
use tokio::sync::mpsc;

/// Items read ahead of the caller; each is a few KiB at most.
const AHEAD: usize = 128;

/// Where to start reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The oldest entry kept.
    First,
    /// Only what comes after now. "Caught up" then says that the reader is attached.
    Next,
    /// From this time on. The broker starts at the chunk that holds it, so a few earlier entries
    /// may come first.
    Since(Timestamp),
    /// From this offset on (of an entry, plus one, to resume).
    Offset(u64),
}

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The broker refused at the start: no permission or no such queue.
    #[error("the broker does not let us read {queue}")]
    Denied {
        /// The queue.
        queue: &'static str,
        /// The broker's words.
        #[source]
        cause: lapin::Error,
    },
    /// The session was closed.
    #[error("the session was closed")]
    Closed,
}

impl LogError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Denied { .. } => "check the topology and this login's rights with `valet topology check`",
            Self::Closed => "connect again",
        }
    }
}

/// What a log consists of.
pub(crate) trait Entry: Send + Sized + 'static {
    /// The stream.
    const QUEUE: &'static str;
    /// The entry in a message, or what is wrong with it.
    fn read(delivery: &Delivery) -> Result<Self, String>;
}

/// One thing read from a log.
#[derive(Debug)]
pub(crate) enum Item<T> {
    Entry {
        offset: u64,
        entry: Box<T>,
    },
    Malformed {
        offset: u64,
        problem: String,
    },
    /// A reader's mark, ours or another's.
    Mark {
        offset: u64,
        id: String,
    },
    CaughtUp,
}

/// A reader of a log. Reconnects by itself and goes on where it was; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Log<T> {
    items: mpsc::Receiver<Result<Item<T>, LogError>>,
}

impl<T: Entry> Log<T> {
    /// Starts reading, in a task of its own: attaching takes some round trips, and a caller that
    /// waits in short slices must not start it anew each time.
    pub(crate) fn replay(link: Link, start: Start, marker: Option<Marker>) -> Self {
        let (found, items) = mpsc::channel(AHEAD);
        tokio::spawn(Reader::new(link, start, marker).run(found));
        Self { items }
    }

    /// The next item; waits for new entries for ever. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Item<T>, LogError> {
        self.items.recv().await.unwrap_or(Err(LogError::Closed))
    }
}
