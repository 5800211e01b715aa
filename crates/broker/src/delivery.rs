//! One hand-over of a job, which must be settled exactly once.

use crate::{Publisher, hold::Hold, lease::Lease, returns::Returns};
use jiff::Timestamp;
use lapin::{BasicProperties, Channel, message, types::AMQPValue};
use std::fmt;
use tokio::sync::OwnedSemaphorePermit;
use zeroize::Zeroizing;

/// Which attempt a delivery is; told by the queue it came from, so it cannot be forged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// `jobs.r0`: attempt 1.
    First,
    /// `jobs.r1`: attempt 2.
    Second,
    /// `jobs.r2`: attempt 3, the last.
    Last,
}

impl Stage {
    /// 1, 2 or 3.
    pub fn number(self) -> u32 {
        match self {
            Self::First => 1,
            Self::Second => 2,
            Self::Last => 3,
        }
    }

    /// The stage of this queue, if it is one.
    pub(crate) fn of_queue(queue: &str) -> Option<Self> {
        [Self::First, Self::Second, Self::Last].into_iter().find(|stage| stage.queue() == queue)
    }

    /// The queue.
    pub fn queue(self) -> &'static str {
        use crate::topology::names;
        match self {
            Self::First => names::JOBS_R0,
            Self::Second => names::JOBS_R1,
            Self::Last => names::JOBS_R2,
        }
    }
}

/// A job in hand. Dropping it unsettled logs an error, and the broker hands the job out again once
/// the feed's channel is closed.
pub struct Delivery {
    pub(crate) body: Zeroizing<Vec<u8>>,
    pub(crate) properties: BasicProperties,
    pub(crate) stage: Stage,
    pub(crate) returns: Returns,
    pub(crate) lease: Lease,
    pub(crate) hand: Hand,
}

/// What settling needs, apart from the message.
pub(crate) struct Hand {
    /// Kept alive: closing the channel would give the job back.
    pub(crate) channel: Channel,
    pub(crate) publisher: Publisher,
    pub(crate) worker: String,
    /// The consumer that gave it, where it is open for this job alone.
    pub(crate) hold: Option<Hold>,
    /// The slot; given back to the feed once this delivery is gone.
    pub(crate) _slot: Option<OwnedSemaphorePermit>,
    pub(crate) settled: bool,
}

impl Delivery {
    pub(crate) fn new(
        delivery: message::Delivery,
        stage: Stage,
        returns: Returns,
        lease: Lease,
        hand: Hand,
    ) -> Self {
        Self {
            body: Zeroizing::new(delivery.data),
            properties: delivery.properties,
            stage,
            returns,
            lease,
            hand,
        }
    }

    /// The message's bytes. They hold grants: never log them.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// AMQP `message_id`: the job id, as the publisher says.
    pub fn message_id(&self) -> Option<&str> {
        self.properties.message_id().as_ref().map(|id| id.as_str())
    }

    /// The publisher's login, verified by the broker; none when the publisher left it out.
    pub fn user_id(&self) -> Option<&str> {
        self.properties.user_id().as_ref().map(|user| user.as_str())
    }

    /// AMQP `type`.
    pub fn message_type(&self) -> Option<&str> {
        self.properties.kind().as_ref().map(|kind| kind.as_str())
    }

    /// AMQP `content_type`.
    pub fn content_type(&self) -> Option<&str> {
        self.properties.content_type().as_ref().map(|kind| kind.as_str())
    }

    /// AMQP `timestamp`.
    pub fn timestamp(&self) -> Option<Timestamp> {
        timestamp(&self.properties)
    }

    /// A header's text, when it is a string (e.g. `traceparent`).
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.properties, name)
    }

    /// Which stage queue it came from.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// 1, 2 or 3.
    pub fn attempt(&self) -> u32 {
        self.stage.number()
    }

    /// Whether it is known that the broker gave it out before, in this stage. What
    /// [`Delivery::delivery_count`] says of later stages holds here, too.
    pub fn redelivered(&self) -> bool {
        self.returns.any
    }

    /// How often it came back, as far as the broker tells. Never smaller than on an earlier hand-over of
    /// the same stage; a rejection never counts, nor what a publisher wrote.
    ///
    /// In the first stage: exactly (losses and hand-backs) in every version. In a later stage:
    ///
    /// | RabbitMQ | what is told |
    /// |---|---|
    /// | before 4.0 | exactly, within the stage |
    /// | 4.0 to 4.2 | always 0: the first hand-over cannot be told from a later one |
    /// | from 4.3 | losses, those of earlier stages included, which nothing tells apart; no hand-backs |
    pub fn delivery_count(&self) -> u64 {
        self.returns.count
    }

    /// A handle that tells when the broker takes the job away from us.
    pub fn lease(&self) -> Lease {
        self.lease.clone()
    }
}

/// As whatever is settled like one.
impl AsRef<Self> for Delivery {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("message_id", &self.message_id())
            .field("stage", &self.stage)
            .field("returns", &self.returns.count)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        if !self.settled {
            tracing::error!(
                "a delivery was dropped without being settled; the broker will hand it out again"
            );
            let channel = self.channel.clone();
            // Without a close the job would stay ours, unworked, until the process ends.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move { channel.close(200, "unsettled delivery dropped".into()).await });
            }
        }
    }
}

/// A header's text.
pub(crate) fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a str> {
    match properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        _ => None,
    }
}

/// A header's whole number, of whatever width.
pub(crate) fn number(properties: &BasicProperties, name: &str) -> Option<u64> {
    whole(properties.headers().as_ref()?.inner().get(name)?)
}

/// An AMQP value's whole number, of whatever width; none when negative.
pub(crate) fn whole(value: &AMQPValue) -> Option<u64> {
    match value {
        AMQPValue::ShortShortInt(n) => u64::try_from(*n).ok(),
        AMQPValue::ShortShortUInt(n) => Some(u64::from(*n)),
        AMQPValue::ShortInt(n) => u64::try_from(*n).ok(),
        AMQPValue::ShortUInt(n) => Some(u64::from(*n)),
        AMQPValue::LongInt(n) => u64::try_from(*n).ok(),
        AMQPValue::LongUInt(n) => Some(u64::from(*n)),
        AMQPValue::LongLongInt(n) => u64::try_from(*n).ok(),
        AMQPValue::Timestamp(n) => Some(*n),
        _ => None,
    }
}

pub(crate) fn timestamp(properties: &BasicProperties) -> Option<Timestamp> {
    let seconds = i64::try_from((*properties.timestamp())?).ok()?;
    Timestamp::from_second(seconds).ok()
}
