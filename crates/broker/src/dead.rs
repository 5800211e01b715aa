//! Looking at, taking and dropping dead letters, without ever losing one.
//!
//! A letter that was read and not removed stays the broker's: it is only "unacknowledged" while we
//! look, and returns to its place when the pass ends, however it ends (also by a crash or a kill).
//! Meanwhile other readers do not see it. Must never ack what the caller did not remove.

mod letter;
mod letters;

pub use letter::DeadLetter;
pub use letters::LetterFeed;

use crate::{
    Session,
    link::{Link, Opened, RPC},
    topology::names,
};
use lapin::{
    options::{BasicGetOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::time::timeout;

/// Which queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadQueue {
    /// Jobs that failed for good.
    Dead,
    /// Jobs whose grants died.
    Expired,
}

impl DeadQueue {
    /// Its name on the broker.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dead => names::DEAD,
            Self::Expired => names::EXPIRED,
        }
    }
}

/// Why dead letters cannot be read or removed. Nothing is lost in any case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeadError {
    /// The broker refused or the connection failed.
    #[error("cannot {doing} the queue {queue}")]
    Broker {
        /// `read`, `remove from`, `close`.
        doing: &'static str,
        /// The queue.
        queue: &'static str,
        /// The broker's words.
        #[source]
        cause: lapin::Error,
    },
    /// No answer in time.
    #[error("cannot {doing} the queue {queue}: no answer within {seconds} s")]
    Silent {
        /// `read`, `remove from`, `close`.
        doing: &'static str,
        /// The queue.
        queue: &'static str,
        /// The limit.
        seconds: u64,
    },
    /// The connection was lost since the letter was taken, so the letter went back.
    #[error("the letter went back to the queue {queue} before it could be removed")]
    Returned {
        /// The queue.
        queue: &'static str,
    },
    /// The session was closed.
    #[error("the session was closed")]
    Closed,
}

impl DeadError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Broker { .. } => "use the producer's login; check it with `valet topology check`",
            Self::Silent { .. } | Self::Returned { .. } | Self::Closed => "try again: nothing was lost",
        }
    }
}

/// A pass over one dead queue.
#[derive(Debug)]
pub struct DeadLetters {
    link: Link,
    opened: Opened,
    queue: DeadQueue,
}

impl DeadLetters {
    /// Begins a pass.
    pub async fn open(session: &Session, queue: DeadQueue) -> Result<Self, DeadError> {
        let link = session.consume_link();
        let silent = |_| DeadError::Silent { doing: "read", queue: queue.name(), seconds: RPC.as_secs() };
        let opened = timeout(RPC, link.channel()).await.map_err(silent)?.map_err(|_| DeadError::Closed)?;
        Ok(Self { link, opened, queue })
    }

    /// How many letters are there to be read, besides those already taken.
    pub async fn count(&self) -> Result<u32, DeadError> {
        length(&self.opened, self.queue, "read").await
    }

    /// The next letter, oldest first; `None` at the end. Each is seen once in a pass. One round trip
    /// each (about 1 ms); memory is the caller's to bound.
    pub async fn next(&mut self) -> Result<Option<DeadLetter>, DeadError> {
        let get = self.opened.channel.basic_get(self.queue.name().into(), BasicGetOptions::default());
        let got = answered("read", self.queue, get).await;
        if let Err(DeadError::Silent { .. }) = got {
            // A get that was not answered may have taken a letter: give it back with the connection.
            self.link.suspect(self.opened.generation, "a dead letter did not come").await;
        }
        Ok(got?.map(|got| DeadLetter::new(got.delivery, self.opened.clone(), self.queue)))
    }

    /// Looks for one job's letter (by message id). Those passed over stay out of other readers' sight
    /// until the pass ends.
    pub async fn find(&mut self, job: &str) -> Result<Option<DeadLetter>, DeadError> {
        while let Some(letter) = self.next().await? {
            if letter.message_id.as_deref() == Some(job) {
                return Ok(Some(letter));
            }
        }
        Ok(None)
    }

    /// Ends the pass: everything not removed is back in the queue when this returns.
    pub async fn close(self) -> Result<(), DeadError> {
        answered("close", self.queue, self.opened.channel.close(200, "pass ended".into())).await
    }
}

async fn length(opened: &Opened, queue: DeadQueue, doing: &'static str) -> Result<u32, DeadError> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let look = opened.channel.queue_declare(queue.name().into(), options, FieldTable::default());
    Ok(answered(doing, queue, look).await?.message_count())
}

async fn answered<T>(
    doing: &'static str,
    queue: DeadQueue,
    call: impl Future<Output = lapin::Result<T>>,
) -> Result<T, DeadError> {
    let queue = queue.name();
    timeout(RPC, call)
        .await
        .map_err(|_| DeadError::Silent { doing, queue, seconds: RPC.as_secs() })?
        .map_err(|cause| DeadError::Broker { doing, queue, cause })
}
