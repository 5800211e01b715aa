//! Reading the log of reports (`events.log`): replay from a time or offset, then follow.
//!
//! Must never believe a report that was filed under another key than its own: rights are given by key.

use crate::{
    Session,
    log::{Entry, Item, Log, LogError, Start, chain, headers},
    topology::names::EVENTS_LOG,
};
use lapin::message::Delivery;
use valet_protocol::Report;

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
    /// A reader's mark, by which it knows how far it has read. It says nothing of any job.
    Mark {
        /// Its place in the log.
        offset: u64,
        /// Unlike any other mark's.
        id: String,
    },
    /// All that was in the log when the replay began has been given out. Comes exactly once.
    CaughtUp,
}

/// A reader of the log. Reconnects by itself and goes on where it was; ends when it is dropped.
#[derive(Debug)]
pub struct EventLog(Log<Report>);

impl EventLog {
    /// Starts reading.
    pub fn replay(session: &Session, start: Start) -> Self {
        Self(Log::replay(session.consume_link(), start, Some(session.marker())))
    }

    /// The next item; waits for new reports for ever. Cancel-safe.
    pub async fn next(&mut self) -> Result<LogItem, LogError> {
        Ok(match self.0.next().await? {
            Item::Entry { offset, entry } => LogItem::Report { offset, report: entry },
            Item::Malformed { offset, problem } => LogItem::Malformed { offset, problem },
            Item::Mark { offset, id } => LogItem::Mark { offset, id },
            Item::CaughtUp => LogItem::CaughtUp,
        })
    }
}

impl Entry for Report {
    const QUEUE: &'static str = EVENTS_LOG;

    fn read(delivery: &Delivery) -> Result<Self, String> {
        let report = Self::from_event(&headers(delivery), &delivery.data).map_err(|error| chain(&error))?;
        // A login may file only some kinds of reports, and the broker knows them by their keys alone.
        match report.routing_key() == delivery.routing_key.as_str() {
            true => Ok(report),
            false => Err("it says something else than its routing key".to_owned()),
        }
    }
}
