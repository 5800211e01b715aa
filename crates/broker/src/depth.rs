//! How much waits in a queue: a passive declare, which costs the queue nothing. Must never declare anything.

use crate::link::{Link, RPC};
use lapin::{options::QueueDeclareOptions, types::FieldTable};
use tokio::time::timeout;

/// What a queue says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Messages that wait. Not those in somebody's hands.
    pub ready: u32,
    /// Consumers on it.
    pub consumers: u32,
}

/// Why a queue did not say.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DepthError {
    /// There is no such queue, or it is not up, or this login may not look.
    #[error("the broker does not say how much is in {queue}")]
    Broker {
        /// The queue.
        queue: String,
        /// The broker's words.
        #[source]
        cause: lapin::Error,
    },
    /// No answer, or no connection, within the limit.
    #[error("the broker did not say within {seconds} s how much is in {queue}")]
    Silent {
        /// The queue.
        queue: String,
        /// The limit.
        seconds: u64,
    },
    /// The session was closed.
    #[error("the session was closed")]
    Closed,
}

/// On a channel of its own: a refusal closes it.
pub(crate) async fn look(link: &Link, queue: &str) -> Result<Depth, DepthError> {
    let silent = |_| DepthError::Silent { queue: queue.to_owned(), seconds: RPC.as_secs() };
    let opened = timeout(RPC, link.channel()).await.map_err(silent)?.map_err(|_| DepthError::Closed)?;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let asked = opened.channel.queue_declare(queue.into(), options, FieldTable::default());
    let told = timeout(RPC, asked).await.map_err(silent)?;
    let told = told.map_err(|cause| DepthError::Broker { queue: queue.to_owned(), cause })?;
    let depth = Depth { ready: told.message_count(), consumers: told.consumer_count() };
    let _ = timeout(RPC, opened.channel.close(200, "looked".into())).await;
    Ok(depth)
}
