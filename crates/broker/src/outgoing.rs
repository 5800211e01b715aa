//! One message to publish, with every property that Valet sets.

use jiff::Timestamp;
use std::{fmt, time::Duration};
use zeroize::Zeroizing;

/// A message on its way out. Always persistent and mandatory.
#[derive(Clone)]
pub struct Outgoing {
    /// Exchange to publish to.
    pub exchange: String,
    /// Routing key.
    pub routing_key: String,
    /// Stable id; a republish after a reconnect carries the same one.
    pub message_id: String,
    /// AMQP `type`, e.g. `valet.job.v1`.
    pub type_: Option<String>,
    /// AMQP `content_type`.
    pub content_type: Option<String>,
    /// String headers.
    pub headers: Vec<(String, String)>,
    /// Life in the queue; whole milliseconds, never zero.
    pub expiration: Option<Duration>,
    /// AMQP priority 0 to 9.
    pub priority: Option<u8>,
    /// AMQP `timestamp` (whole seconds).
    pub timestamp: Option<Timestamp>,
    /// The bytes. Wiped on drop, as a job message holds grants.
    pub body: Zeroizing<Vec<u8>>,
}

impl Outgoing {
    /// A message with nothing but its address, id and bytes.
    pub fn new(
        exchange: impl Into<String>,
        routing_key: impl Into<String>,
        message_id: impl Into<String>,
        body: impl AsRef<[u8]>,
    ) -> Self {
        Self {
            exchange: exchange.into(),
            routing_key: routing_key.into(),
            message_id: message_id.into(),
            type_: None,
            content_type: None,
            headers: Vec::new(),
            expiration: None,
            priority: None,
            timestamp: None,
            body: Zeroizing::new(body.as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("exchange", &self.exchange)
            .field("routing_key", &self.routing_key)
            .field("message_id", &self.message_id)
            .field("type", &self.type_)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
