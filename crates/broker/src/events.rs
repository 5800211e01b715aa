//! Reading the log of reports (`events.log`).

use crate::Session;
use jiff::Timestamp;
use valet_protocol::Report;

/// Where to start reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The oldest report kept.
    First,
    /// Only what comes after now.
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
    /// All that was in the log when the replay began has been given out. Comes once.
    CaughtUp,
}

/// Why the log cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventsError {
    /// The broker refused: no permission or no such queue.
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
        todo!()
    }
}

/// A reader of the log. Reconnects by itself and goes on where it was.
#[derive(Debug)]
pub struct EventLog;

impl EventLog {
    /// Starts reading.
    pub fn replay(session: &Session, start: Start) -> Self {
        let _ = (session, start);
        todo!()
    }

    /// The next item; waits for new reports for ever. Cancel-safe.
    pub async fn next(&mut self) -> Result<LogItem, EventsError> {
        todo!()
    }
}
