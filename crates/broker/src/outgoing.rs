//! One message to publish, with every property that Valet sets.

use crate::topology::names;
use jiff::Timestamp;
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use std::{fmt, time::Duration};
use valet_protocol::Report;
use zeroize::Zeroizing;

/// A message on its way out. Always persistent and mandatory, and stamped with our own `user_id`.
#[derive(Clone)]
pub struct Outgoing {
    /// Exchange to publish to, at most 255 bytes.
    pub exchange: String,
    /// Routing key, at most 255 bytes.
    pub routing_key: String,
    /// Stable id; a republish after a reconnect carries the same one.
    pub message_id: String,
    /// AMQP `type`, e.g. `valet.job.v1`.
    pub type_: Option<String>,
    /// AMQP `content_type`.
    pub content_type: Option<String>,
    /// String headers.
    pub headers: Vec<(String, String)>,
    /// Life in the queue; sent in whole milliseconds, rounded down.
    pub expiration: Option<Duration>,
    /// AMQP priority 0 to 9.
    pub priority: Option<u8>,
    /// AMQP `timestamp` (whole seconds; times before 1970 are left out).
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

    /// A report, on its way to [`names::EVENTS`].
    pub fn report(report: &Report) -> Self {
        let event = report.to_event();
        let mut outgoing = Self::new(names::EVENTS, report.routing_key(), report.id(), &event.body);
        outgoing.type_ = Some(report.kind().event_type().to_owned());
        outgoing.content_type = Some(event.content_type);
        outgoing.headers = event.headers;
        outgoing.timestamp = Some(report.time);
        outgoing
    }

    /// The AMQP properties. `user` is our login: the broker refuses any other (406).
    pub(crate) fn properties(&self, user: Option<&str>) -> BasicProperties {
        const PERSISTENT: u8 = 2;
        let mut properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_message_id(self.message_id.as_str().into());
        if let Some(user) = user {
            properties = properties.with_user_id(user.into());
        }
        if let Some(type_) = &self.type_ {
            properties = properties.with_type(type_.as_str().into());
        }
        if let Some(content_type) = &self.content_type {
            properties = properties.with_content_type(content_type.as_str().into());
        }
        if let Some(life) = self.expiration {
            properties = properties.with_expiration(life.as_millis().to_string().into());
        }
        if let Some(priority) = self.priority {
            properties = properties.with_priority(priority);
        }
        if let Some(seconds) = self.timestamp.and_then(|time| u64::try_from(time.as_second()).ok()) {
            properties = properties.with_timestamp(seconds);
        }
        if !self.headers.is_empty() {
            properties = properties.with_headers(table(&self.headers));
        }
        properties
    }
}

fn table(headers: &[(String, String)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        table.insert(name.as_str().into(), AMQPValue::LongString(value.as_str().into()));
    }
    table
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_body() {
        let message = Outgoing::new("jobs", "r0", "id-1", b"?sig=SECRET");
        let text = format!("{message:?}");
        assert!(!text.contains("SECRET") && text.contains("id-1"), "{text}");
    }

    #[test]
    fn every_property_is_set() {
        let mut message = Outgoing::new("jobs", "r0", "id-1", b"{}");
        message.expiration = Some(Duration::from_micros(1_500_900));
        message.headers = vec![("traceparent".into(), "00-1".into())];
        message.timestamp = Some(Timestamp::from_second(42).unwrap());
        let properties = message.properties(Some("valet-producer"));
        assert_eq!(properties.delivery_mode(), &Some(2));
        assert_eq!(properties.user_id().as_ref().unwrap().as_str(), "valet-producer");
        assert_eq!(properties.expiration().as_ref().unwrap().as_str(), "1500");
        assert_eq!(properties.timestamp(), &Some(42));
        assert!(properties.headers().as_ref().unwrap().contains_key("traceparent"));
    }
}
