//! Publishing with confirms: the handle. The work is done by the [`crate::outbox`].

use crate::{
    Outgoing,
    link::Link,
    outbox::{Entry, Outbox},
};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// How much may be under way, and for how long.
#[derive(Clone, Debug)]
pub struct PublisherOptions {
    /// Messages taken but not yet confirmed; memory is bounded by this many messages. 64 suits
    /// reports, [`PublisherOptions::BULK_WINDOW`] a bulk enqueue.
    pub window: usize,
    /// A confirm that takes longer means that the connection is dead: it is rebuilt.
    pub confirm_timeout: Duration,
    /// A message that is not confirmed within this, over all reconnects, fails.
    pub patience: Duration,
    /// A message that reaches no queue is tried again for so long: right after a broker's start a
    /// stream whose leader is not back yet counts as no queue (seen on 3.10.8).
    pub unroutable_patience: Duration,
}

impl PublisherOptions {
    /// Window for tens of thousands of messages: 8 times the default gains up to 1.5 times the rate.
    pub const BULK_WINDOW: usize = 512;

    /// The options for a bulk enqueue.
    pub fn bulk() -> Self {
        Self { window: Self::BULK_WINDOW, ..Self::default() }
    }
}

impl Default for PublisherOptions {
    fn default() -> Self {
        Self {
            window: 64,
            confirm_timeout: Duration::from_secs(30),
            patience: Duration::from_secs(120),
            unroutable_patience: Duration::from_secs(10),
        }
    }
}

/// Publishes messages and keeps each until the broker has taken responsibility. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Publisher {
    entries: mpsc::Sender<Entry>,
    window: Arc<Semaphore>,
    width: u32,
}

impl Publisher {
    /// Starts the outbox task; it ends when the last clone is dropped and nothing is under way.
    pub(crate) fn start(link: Link, options: PublisherOptions) -> Self {
        let width = options.window.clamp(1, 1 << 16);
        // A permit is held per message under way, so the queue can never hold more than the window.
        let (entries, taken) = mpsc::channel(width);
        tokio::spawn(Outbox::new(link, options, taken).run());
        Self { entries, window: Arc::new(Semaphore::new(width)), width: width as u32 }
    }

    /// Takes a message; waits while the window is full. Await the receipt for the outcome.
    pub async fn publish(&self, message: Outgoing) -> Receipt {
        let message_id = message.message_id.clone();
        let (done, outcome) = oneshot::channel();
        if let Ok(permit) = self.window.clone().acquire_owned().await {
            let entry = Entry {
                message: Arc::new(message),
                done,
                taken: Instant::now(),
                refusals: 0,
                returned: None,
                came_back: false,
                _permit: permit,
            };
            // An outbox that is gone drops `done`, which the receipt reports as Closed.
            let _ = self.entries.send(entry).await;
        }
        Receipt { message_id, outcome }
    }

    /// Waits until every message taken so far is confirmed or failed.
    pub async fn flush(&self) {
        // All permits at once: the semaphore is fair, so this waits for exactly those before us.
        let _ = self.window.acquire_many(self.width).await;
    }
}

/// Resolves once the broker confirmed the message, or it failed for good. Dropping it does not
/// recall the message.
#[derive(Debug)]
#[must_use = "a message is only safe once its receipt resolved"]
pub struct Receipt {
    message_id: String,
    outcome: oneshot::Receiver<Result<(), PublishError>>,
}

impl Future for Receipt {
    type Output = Result<(), PublishError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.outcome).poll(context));
        Poll::Ready(outcome.unwrap_or_else(|_| {
            Err(PublishError::Closed { message_id: std::mem::take(&mut self.message_id) })
        }))
    }
}

/// Why a message is not on the broker (or not known to be).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// No queue is bound for it; the broker dropped it.
    #[error("message {message_id} to {exchange}/{routing_key} reaches no queue")]
    Unroutable {
        /// Its id.
        message_id: String,
        /// Where it was sent.
        exchange: String,
        /// With which key.
        routing_key: String,
    },
    /// A queue refused it (full, or its leader is away) for as long as the patience lasted.
    #[error("message {message_id} to {exchange}/{routing_key} was refused by its queue for {seconds} s")]
    Refused {
        /// Its id.
        message_id: String,
        /// Where it was sent.
        exchange: String,
        /// With which key.
        routing_key: String,
        /// The patience.
        seconds: u64,
    },
    /// The broker closed the channel over it: no permission, no exchange, or an invalid property.
    #[error("the broker does not accept message {message_id} to {exchange}/{routing_key}")]
    Denied {
        /// Its id.
        message_id: String,
        /// Where it was sent.
        exchange: String,
        /// With which key.
        routing_key: String,
        /// The broker's words.
        #[source]
        cause: Box<lapin::Error>,
    },
    /// Not confirmed within the patience set. It may or may not be on the broker.
    #[error("message {message_id} was not confirmed within {seconds} s")]
    Unconfirmed {
        /// Its id.
        message_id: String,
        /// The patience.
        seconds: u64,
    },
    /// The session was closed first. The message may or may not be on the broker.
    #[error("the session was closed before message {message_id} was confirmed")]
    Closed {
        /// Its id.
        message_id: String,
    },
}

impl PublishError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Unroutable { .. } => "run `valet topology check`, then `valet topology declare`",
            Self::Refused { .. } => "the queue is full: add workers, wait, or raise its length limit",
            Self::Denied { .. } => "check the login's rights with `valet topology check`",
            Self::Unconfirmed { .. } | Self::Closed { .. } => {
                "check the broker, then publish again under the same id: a duplicate is harmless"
            }
        }
    }

    /// May the message be on the broker all the same? Then publish it again only under the same id.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Unconfirmed { .. } | Self::Closed { .. })
    }
}
