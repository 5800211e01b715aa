//! Jobs that the broker itself took off a stage (`jobs.ended`): somebody must say so, and file them.
//!
//! Nothing is ever executed from here. Which stage a job ended in, and why, is told by the broker's own
//! record of its way (`x-death`), which no worker can write to.

use crate::{
    Counting, Delivery, Disposition, NumbersWatch, Publisher, SettleError, Settled, Stage,
    delivery::Hand,
    lease::Lease,
    link::Link,
    returns::{Returns, rejections},
    subscription::{Subscription, Taken, WhenGone},
    topology::{limit_of, names::JOBS_ENDED},
};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use std::ops::Deref;
use tokio::sync::mpsc;

/// Ended jobs in one undertaker's hands at once.
const WINDOW: u16 = 4;

/// How the broker ended a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It came back unsettled as often as the delivery limit allows: it killed its workers.
    Lost {
        /// How often it was given out in that stage, by the declared limit. Behind the last stage, from
        /// RabbitMQ 4.3 on: how often it lost its worker in all stages together.
        deliveries: u32,
    },
    /// Its time in the queue was over.
    Expired,
    /// Rejected in the last stage, or on a way that is not known.
    Other,
}

/// A job that the broker ended. It is settled like a delivery; [`Disposition::Retry`] puts it into
/// `dead` as it is.
#[derive(Debug)]
pub struct EndedJob {
    delivery: Delivery,
    ending: Ending,
}

/// The source of ended jobs of one worker. Dropping it hands back what was not given out.
#[derive(Debug)]
pub struct EndedFeed {
    taken: mpsc::Receiver<Taken>,
    link: Link,
    publisher: Publisher,
    worker: String,
    numbers: NumbersWatch,
}

impl EndedFeed {
    pub(crate) fn start(link: Link, publisher: Publisher, numbers: NumbersWatch, worker: String) -> Self {
        let subscription = Subscription {
            link: link.clone(),
            queue: JOBS_ENDED.into(),
            window: WINDOW,
            numbers: numbers.clone(),
            when_gone: WhenGone::Wait,
        };
        Self { taken: subscription.start(), link, publisher, worker, numbers }
    }

    /// The next ended job; waits for as long as it takes, over reconnects. None once the session is
    /// closed. Cancel-safe.
    pub async fn next(&mut self) -> Option<EndedJob> {
        let taken = self.taken.recv().await?;
        let lease = Lease {
            link: self.link.clone(),
            generation: taken.opened.generation,
            acker: taken.delivery.acker.clone(),
            ended: taken.ended,
            clock: taken.clock,
        };
        let hand = Hand {
            channel: taken.opened.channel,
            publisher: self.publisher.clone(),
            worker: self.worker.clone(),
            hold: None,
            _slot: None,
            settled: false,
        };
        let (stage, reason) = way(&taken.delivery.properties);
        let ending = match reason.as_deref() {
            Some("delivery_limit") => {
                Ending::Lost { deliveries: self.deliveries(stage, &taken.delivery.properties) }
            }
            Some("expired") => Ending::Expired,
            _ => Ending::Other,
        };
        // How often it came back to undertakers says nothing about its stage.
        let delivery = Delivery::new(taken.delivery, stage, Returns::default(), lease, hand);
        Some(EndedJob { delivery, ending })
    }

    /// A limit of 3 means that it was given out 4 times.
    fn deliveries(&self, stage: Stage, properties: &BasicProperties) -> u32 {
        let numbers = self.numbers.now();
        if numbers.counting() != Counting::Carried {
            return numbers.delivery_limit.saturating_add(1);
        }
        // The limit of a later stage is larger by the rejections that may have come before; a stage that
        // was left by losing yet another worker is no rejection, but one more loss.
        let counted = limit_of(stage, numbers.delivery_limit).saturating_add(1);
        counted.saturating_sub(u32::try_from(rejections(properties)).unwrap_or(u32::MAX))
    }
}

impl EndedJob {
    /// How the broker ended it.
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// As [`Delivery::settle`].
    pub async fn settle(self, disposition: Disposition) -> Result<Settled, SettleError> {
        self.delivery.settle(disposition).await
    }
}

/// Its bytes, properties and headers; [`Delivery::stage`] is the stage that it ended in.
impl Deref for EndedJob {
    type Target = Delivery;
    fn deref(&self) -> &Delivery {
        &self.delivery
    }
}

impl AsRef<Delivery> for EndedJob {
    fn as_ref(&self) -> &Delivery {
        self
    }
}

/// The stage that a job ended in, and the broker's word for it. Only the first stage and the last one
/// lead here, and who was in the last one ended there.
fn way(properties: &BasicProperties) -> (Stage, Option<String>) {
    let mut found = None;
    for death in deaths(properties) {
        let text = |name| death.inner().get(name).and_then(text).unwrap_or_default();
        let stage = Stage::of_queue(&text("queue"));
        if let Some(stage @ (Stage::First | Stage::Last)) = stage
            && found.as_ref().is_none_or(|(latest, _)| stage > *latest)
        {
            found = Some((stage, text("reason")));
        }
    }
    match found {
        Some((stage, reason)) => (stage, Some(reason)),
        None => (Stage::First, None),
    }
}

/// The broker's record, one entry for each queue and reason; none on a message that never died.
pub(crate) fn deaths(properties: &BasicProperties) -> impl Iterator<Item = &FieldTable> {
    let headers = properties.headers().as_ref();
    let deaths = headers.and_then(|headers| headers.inner().get("x-death")).and_then(AMQPValue::as_array);
    deaths.map(|deaths| deaths.as_slice()).unwrap_or_default().iter().filter_map(AMQPValue::as_field_table)
}

/// An AMQP value's text.
pub(crate) fn text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.as_str().to_owned()),
        _ => None,
    }
}
