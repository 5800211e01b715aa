//! Publishing with confirms: the handle. The work is done in [`crate::outbox`].

use crate::Outgoing;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// How much may be under way, and for how long.
#[derive(Clone, Debug)]
pub struct PublisherOptions {
    /// Messages published but not yet confirmed. 64 suits reports, [`PublisherOptions::BULK_WINDOW`]
    /// a bulk enqueue.
    pub window: usize,
    /// A confirm that takes longer means that the connection is dead: it is rebuilt.
    pub confirm_timeout: Duration,
    /// A message that is not confirmed within this, over all reconnects, fails.
    pub patience: Duration,
}

impl PublisherOptions {
    /// Window for tens of thousands of messages.
    pub const BULK_WINDOW: usize = 512;

    /// The options for a bulk enqueue.
    pub fn bulk() -> Self {
        Self { window: Self::BULK_WINDOW, ..Self::default() }
    }
}

impl Default for PublisherOptions {
    fn default() -> Self {
        Self { window: 64, confirm_timeout: Duration::from_secs(30), patience: Duration::from_secs(120) }
    }
}

/// Publishes messages and keeps each until the broker has taken responsibility. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Publisher;

impl Publisher {
    /// Takes a message; waits while the window is full. Await the receipt for the outcome.
    pub async fn publish(&self, message: Outgoing) -> Receipt {
        let _ = message;
        todo!()
    }

    /// Waits until every message taken so far is confirmed or failed.
    pub async fn flush(&self) {
        todo!()
    }
}

/// Resolves once the broker confirmed the message, or it failed for good. Dropping it does not
/// recall the message.
#[derive(Debug)]
#[must_use = "a message is only safe once its receipt resolved"]
pub struct Receipt;

impl Future for Receipt {
    type Output = Result<(), PublishError>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        todo!()
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
    #[error("message {message_id} to {exchange}/{routing_key} was refused by its queue")]
    Refused {
        /// Its id.
        message_id: String,
        /// Where it was sent.
        exchange: String,
        /// With which key.
        routing_key: String,
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
        cause: lapin::Error,
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
        todo!()
    }

    /// May the message be on the broker all the same? Then publish it again only under the same id.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Unconfirmed { .. } | Self::Closed { .. })
    }
}
