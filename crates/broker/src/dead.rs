//! Looking at, taking and dropping dead letters.

use crate::Session;
use jiff::Timestamp;

/// Which queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadQueue {
    /// Jobs that failed for good.
    Dead,
    /// Jobs whose grants died.
    Expired,
}

/// Why dead letters cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeadError {
    /// The broker refused or the connection failed; nothing is lost.
    #[error("cannot {doing} {queue}")]
    Broker {
        /// `read`, `remove from`, …
        doing: &'static str,
        /// The queue.
        queue: &'static str,
        /// The broker's words.
        #[source]
        cause: lapin::Error,
    },
    /// No answer in time; nothing is lost.
    #[error("the broker did not answer within {seconds} s")]
    Silent {
        /// The limit.
        seconds: u64,
    },
}

/// A pass over one dead queue. Letters taken and not removed return to the queue when this and
/// they are dropped (also by a crash): the broker holds them all the time.
#[derive(Debug)]
pub struct DeadLetters;

impl DeadLetters {
    /// Begins a pass.
    pub async fn open(session: &Session, queue: DeadQueue) -> Result<Self, DeadError> {
        let _ = (session, queue);
        todo!()
    }
    /// The next letter; `None` at the end. Each is seen once in a pass.
    pub async fn next(&mut self) -> Result<Option<DeadLetter>, DeadError> {
        todo!()
    }
    /// Looks for one job's letter (by message id).
    pub async fn find(&mut self, job: &str) -> Result<Option<DeadLetter>, DeadError> {
        let _ = job;
        todo!()
    }
    /// Ends the pass: everything not removed is back in the queue when this returns.
    pub async fn close(self) -> Result<(), DeadError> {
        todo!()
    }
}

/// One dead letter.
#[derive(Debug)]
pub struct DeadLetter {
    /// Job id, as published.
    pub message_id: Option<String>,
    /// AMQP `type`.
    pub message_type: Option<String>,
    /// Who published the job (verified by the broker at the time).
    pub user_id: Option<String>,
    /// Reason code: the worker's, or derived from the broker's (`delivery_limit`, `expired`, …).
    pub reason: String,
    /// For people.
    pub detail: Option<String>,
    /// The attempt that ended it, when known.
    pub attempt: Option<u32>,
    /// The worker that ended it, when one did.
    pub worker: Option<String>,
    /// When the job was submitted.
    pub submitted_at: Option<Timestamp>,
    /// When it was dead-lettered, when known.
    pub dead_at: Option<Timestamp>,
}

impl DeadLetter {
    /// The job message's bytes. They hold grants: never print them.
    pub fn body(&self) -> &[u8] {
        todo!()
    }
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let _ = name;
        todo!()
    }
    /// Takes it off the queue for good: after a replay was confirmed, or to drop it.
    pub async fn remove(self) -> Result<(), DeadError> {
        todo!()
    }
}
