//! Reading the log of reports (`events.log`, a stream): replay from a time or offset, then follow.
//!
//! A stream keeps what was read, so many readers see every report. Over AMQP it needs a prefetch
//! and acks (they are credit, and remove nothing). **Caught up**: before the first delivery, a
//! second consumer reads the stream's last chunk to its end; that offset is the mark. The replay has
//! caught up once it has given out the mark, or when nothing comes for 2 s (a time in the future, or
//! a mark that retention has removed). Must never skip a report on a reconnect: it resumes by offset.

mod attach;

use crate::{
    Session,
    backoff::Backoff,
    delivery::number,
    link::{Link, RPC},
};
use attach::{Attached, Fault};
use futures::StreamExt;
use jiff::Timestamp;
use lapin::{message::Delivery, options::BasicAckOptions, types::AMQPValue};
use std::{error::Error, time::Duration};
use tokio::time::{sleep, timeout};
use valet_protocol::Report;

/// Reports sent ahead of their acks. Small enough that memory is bounded (each is a few KiB).
const PREFETCH: u16 = 256;
/// Acks are sent for this many at once.
const ACK_EVERY: u32 = 64;
/// Silence after which a replay counts as caught up, whatever the mark says.
const SILENCE: Duration = Duration::from_secs(2);

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

/// A reader of the log. Reconnects by itself and goes on where it was.
#[derive(Debug)]
pub struct EventLog {
    link: Link,
    start: Start,
    attached: Option<Attached>,
    /// Has any attach succeeded? From then on refusals are retried.
    was_attached: bool,
    /// The last offset in the log at the start; none if it was empty.
    mark: Option<u64>,
    /// The last offset given out.
    given: Option<u64>,
    caught_up: bool,
    backoff: Backoff,
}

impl EventLog {
    /// Starts reading; connects at the first [`EventLog::next`].
    pub fn replay(session: &Session, start: Start) -> Self {
        Self {
            link: session.consume_link(),
            start,
            attached: None,
            was_attached: false,
            mark: None,
            given: None,
            caught_up: false,
            backoff: Backoff::default(),
        }
    }

    /// The next item; waits for new reports for ever. Cancel-safe: a report that was not returned
    /// is returned by the next call.
    pub async fn next(&mut self) -> Result<LogItem, EventsError> {
        loop {
            let (link, generation) = (self.link.clone(), self.attach().await?);
            if !self.caught_up && self.reached_the_mark() {
                return Ok(self.catch_up());
            }
            self.ack_when_due().await;
            let Some(attached) = &mut self.attached else { continue };
            tokio::select! {
                delivered = attached.consumer.next() => match delivered {
                    Some(Ok(delivery)) => return Ok(self.give(delivery)),
                    Some(Err(error)) => self.drop_attached(&error.to_string()).await,
                    None => self.drop_attached("the broker cancelled the reader").await,
                },
                () = link.lost(generation) => self.attached = None,
                () = sleep(SILENCE), if !self.caught_up => return Ok(self.catch_up()),
            }
        }
    }

    fn catch_up(&mut self) -> LogItem {
        self.caught_up = true;
        LogItem::CaughtUp
    }

    /// Has everything up to the mark been given out, or is there nothing up to it?
    fn reached_the_mark(&self) -> bool {
        match (self.mark, self.start) {
            (None, _) | (_, Start::Next) => true,
            (Some(mark), Start::Offset(start)) if start > mark => true,
            (Some(mark), _) => self.given.is_some_and(|given| given >= mark),
        }
    }

    fn give(&mut self, delivery: Delivery) -> LogItem {
        let offset = number(&delivery.properties, "x-stream-offset").unwrap_or_default();
        self.given = Some(offset);
        if let Some(attached) = &mut self.attached {
            attached.unacked += 1;
            attached.last = Some(delivery.acker.clone());
        }
        match Report::from_event(&headers(&delivery), &delivery.data) {
            Ok(report) => LogItem::Report { offset, report: Box::new(report) },
            Err(error) => LogItem::Malformed { offset, problem: chain(&error) },
        }
    }

    /// Attaches if need be; the connection's generation.
    async fn attach(&mut self) -> Result<u64, EventsError> {
        loop {
            if let Some(attached) = &self.attached {
                return Ok(attached.generation);
            }
            match self.try_attach().await {
                Ok(generation) => return Ok(generation),
                Err(Fault::Closed) => return Err(EventsError::Closed),
                Err(Fault::Denied(cause)) if !self.was_attached => {
                    return Err(EventsError::Denied { queue: crate::topology::names::EVENTS_LOG, cause });
                }
                Err(Fault::Denied(error) | Fault::Broker(error)) => {
                    self.drop_attached(&error.to_string()).await
                }
                Err(Fault::Silent(generation)) => {
                    self.link.suspect(generation, "the event log did not answer").await
                }
            }
        }
    }

    async fn try_attach(&mut self) -> Result<u64, Fault> {
        if !self.was_attached {
            self.mark = attach::last_offset(&self.link).await?;
        }
        let attached = attach::attach(&self.link, self.resume_at(), PREFETCH).await?;
        let generation = attached.generation;
        self.attached = Some(attached);
        self.was_attached = true;
        self.backoff = Backoff::default();
        Ok(generation)
    }

    /// The place to attach to: right behind what was given out, else where we were asked to start.
    /// "Next" is pinned to the mark, so that a reconnect does not skip what came meanwhile.
    fn resume_at(&self) -> AMQPValue {
        let offset = |offset: u64| AMQPValue::LongLongInt(i64::try_from(offset).unwrap_or(i64::MAX));
        let text = |text: &str| AMQPValue::LongString(text.into());
        match (self.given, self.start) {
            (Some(given), _) => offset(given + 1),
            (None, Start::First) => text("first"),
            (None, Start::Offset(start)) => offset(start),
            (None, Start::Since(time)) => AMQPValue::Timestamp(u64::try_from(time.as_second()).unwrap_or(0)),
            (None, Start::Next) => self.mark.map_or_else(|| text("first"), |mark| offset(mark + 1)),
        }
    }

    /// Acks in batches, at the beginning of a call: a cancelled call must not lose a report.
    async fn ack_when_due(&mut self) {
        let Some(attached) = &mut self.attached else { return };
        let Some(last) = attached.last.clone().filter(|_| attached.unacked >= ACK_EVERY) else { return };
        // A failed ack shows as the end of the stream.
        let _ = timeout(RPC, last.ack(BasicAckOptions { multiple: true })).await;
        attached.unacked = 0;
        attached.last = None;
    }

    async fn drop_attached(&mut self, cause: &str) {
        self.attached = None;
        tracing::warn!(cause, "reading the event log broke off, resuming");
        sleep(self.backoff.next_wait()).await;
    }
}

/// String headers of a message; CloudEvents attributes are all strings.
fn headers(delivery: &Delivery) -> Vec<(String, String)> {
    let Some(table) = delivery.properties.headers() else { return Vec::new() };
    let text = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.as_str().to_owned()),
        _ => None,
    };
    table.inner().iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect()
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
