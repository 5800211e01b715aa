//! Reading the log of reports (`events.log`, a stream): replay from a time or offset, then follow.
//!
//! A stream keeps what was read, so many readers see every report. Over AMQP it needs a prefetch
//! and acks (they are credit, and remove nothing). **Caught up**: before the first delivery, a
//! second consumer reads the stream's last chunk to its end; that offset is the mark. The replay has
//! caught up once it has given out the mark, or when nothing comes for 2 s (a time in the future, or
//! a mark that retention has removed). Must never skip a report on a reconnect: it resumes by offset.

mod attach;
mod reader;

use crate::Session;
use jiff::Timestamp;
use reader::Reader;
use tokio::sync::mpsc;
use valet_protocol::Report;

/// Items read ahead of the caller; each is a few KiB at most.
const AHEAD: usize = 128;

/// Where to start reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The oldest report kept.
    First,
    /// Only what comes after now. [`LogItem::CaughtUp`] then says that the reader is attached.
    Next,
    /// From this time on. The broker starts at the chunk that holds it, so a few earlier reports
    /// may come first.
    Since(Timestamp),
    /// From this offset on (of [`LogItem::Report`], plus one, to resume).
    Offset(u64),
}

/// One thing read from the log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LogItem {
    /// A report.
    Report {
        /// Its place in the log.
        offset: u64,
        /// What it says.
        report: Box<Report>,
    },
    /// A message that is no report. It is skipped, never an end.
    Malformed {
        /// Its place in the log.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
    /// All that was in the log when the replay began has been given out. Comes exactly once.
    CaughtUp,
}

/// Why the log cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventsError {
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

impl EventsError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Denied { .. } => "use the producer's login; check it with `valet topology check`",
            Self::Closed => "connect again",
        }
    }
}

/// A reader of the log. Reconnects by itself and goes on where it was; ends when it is dropped.
#[derive(Debug)]
pub struct EventLog {
    items: mpsc::Receiver<Result<LogItem, EventsError>>,
}

impl EventLog {
    /// Starts reading, in a task of its own: attaching takes some round trips, and a caller that
    /// waits in short slices must not start it anew each time.
    pub fn replay(session: &Session, start: Start) -> Self {
        let (found, items) = mpsc::channel(AHEAD);
        tokio::spawn(Reader::new(session.consume_link(), start).run(found));
        Self { items }
    }

    /// The next item; waits for new reports for ever. Cancel-safe.
    pub async fn next(&mut self) -> Result<LogItem, EventsError> {
        self.items.recv().await.unwrap_or(Err(EventsError::Closed))
    }
}
