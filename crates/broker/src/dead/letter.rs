//! One dead letter: what is known about it, and its removal.

use super::{DeadError, DeadQueue, answered, length};
use crate::{
    delivery::{header, timestamp, whole},
    link::Opened,
};
use jiff::Timestamp;
use lapin::{
    Acker, BasicProperties,
    message::Delivery,
    options::{BasicAckOptions, BasicNackOptions},
    types::{AMQPValue, FieldTable},
};
use std::fmt;
use valet_protocol::{JobKey, JobMessage, Reason, amqp};
use zeroize::Zeroizing;

/// One dead letter. Dropping it leaves it in its queue.
pub struct DeadLetter {
    /// Job id, as published.
    pub message_id: Option<String>,
    /// AMQP `type`.
    pub message_type: Option<String>,
    /// Who published the job: verified by the broker when the letter came by dead-lettering alone,
    /// else as the worker that wrote the letter says.
    pub user_id: Option<String>,
    /// Code of a [`Reason`]: the worker's, or derived from the way that the broker took.
    pub reason: String,
    /// For people.
    pub detail: Option<String>,
    /// The attempt that ended it, when known.
    pub attempt: Option<u32>,
    /// The worker that ended it, when one did.
    pub worker: Option<String>,
    /// When the job was submitted.
    pub submitted_at: Option<Timestamp>,
    /// When the broker dead-lettered it last, when it did.
    pub dead_at: Option<Timestamp>,
    body: Zeroizing<Vec<u8>>,
    properties: BasicProperties,
    acker: Acker,
    opened: Opened,
    queue: DeadQueue,
}

impl DeadLetter {
    pub(super) fn new(delivery: Delivery, opened: Opened, queue: DeadQueue) -> Self {
        let properties = delivery.properties;
        let text = |name| header(&properties, name).map(str::to_owned);
        let user = properties.user_id().as_ref().map(|user| user.as_str().to_owned());
        Self {
            message_id: properties.message_id().as_ref().map(|id| id.as_str().to_owned()),
            message_type: properties.kind().as_ref().map(|kind| kind.as_str().to_owned()),
            user_id: if text(amqp::WORKER).is_some() { text(amqp::USER_ID) } else { user },
            reason: text(amqp::REASON)
                .unwrap_or_else(|| brokers_reason(&properties, queue).code().to_owned()),
            detail: text(amqp::DETAIL),
            attempt: text(amqp::ATTEMPT).and_then(|text| text.parse().ok()),
            worker: text(amqp::WORKER),
            submitted_at: timestamp(&properties),
            dead_at: dead_at(&properties),
            body: Zeroizing::new(delivery.data),
            acker: delivery.acker,
            properties,
            opened,
            queue,
        }
    }

    /// The job message's bytes. They hold grants: never print them.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The job that it speaks of, if it has an id: in the lane on whose queue a dispatcher had it, else in the one that
    /// its message names, else in the usual one. Worth as much as the word of whoever wrote the letter.
    pub fn job(&self) -> Option<JobKey> {
        let id = self.message_id.as_deref()?.parse().ok()?;
        let told = self.header(amqp::LANE).and_then(|lane| lane.parse().ok());
        let named = || JobMessage::decode(&self.body).ok().map(|message| message.lane);
        Some(JobKey::new(told.or_else(named).unwrap_or_default(), id))
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.properties, name)
    }

    /// Takes it off the queue for good: after a replay was confirmed, or to drop it. When this
    /// returns Ok, the broker has done so.
    pub async fn remove(self) -> Result<(), DeadError> {
        let acked = answered("remove from", self.queue, self.acker.ack(BasicAckOptions::default())).await?;
        if !acked {
            return Err(DeadError::Returned { queue: self.queue.name() });
        }
        // An ack has no answer. A channel is served in order, so the answer to what comes after it
        // is the proof that it was taken.
        length(&self.opened, self.queue, "remove from").await.map(|_| ())
    }

    /// Puts it back where it was, at once; a reader that cannot deal with it now waits by itself
    /// before it takes the next one.
    pub async fn hand_back(self) -> Result<(), DeadError> {
        let options = BasicNackOptions { requeue: true, multiple: false };
        match answered("hand back to", self.queue, self.acker.nack(options)).await? {
            true => Ok(()),
            false => Err(DeadError::Returned { queue: self.queue.name() }),
        }
    }
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("message_id", &self.message_id)
            .field("reason", &self.reason)
            .field("attempt", &self.attempt)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Letters that no worker wrote came by dead-lettering alone. Only the first reason is exact on
/// every broker version, and it is enough: whatever was not lost or expired at first was rejected
/// at every stage.
fn brokers_reason(properties: &BasicProperties, queue: DeadQueue) -> Reason {
    match (queue, header(properties, "x-first-death-reason")) {
        (DeadQueue::Expired, _) | (_, Some("expired")) => Reason::GrantExpired,
        (DeadQueue::Dead, Some("delivery_limit")) => Reason::WorkerLost,
        (DeadQueue::Dead, _) => Reason::AttemptsExhausted,
    }
}

/// The latest time in `x-death`, whose order differs between versions.
fn dead_at(properties: &BasicProperties) -> Option<Timestamp> {
    let deaths = properties.headers().as_ref()?.inner().get("x-death")?.as_array()?;
    let time = |death: &FieldTable| death.inner().get("time").and_then(whole);
    let latest = deaths.as_slice().iter().filter_map(AMQPValue::as_field_table).filter_map(time).max()?;
    Timestamp::from_second(i64::try_from(latest).ok()?).ok()
}
