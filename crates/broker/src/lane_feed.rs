//! Messages of one lane's queue, or of what the broker took off all of them (`in.ended`), for the dispatcher.
//!
//! Nothing here is a job yet: a message is a stranger's until it was judged. Must never hold more than its window, nor
//! believe what a publisher wrote about where its message came from.

use crate::{
    Ending, NumbersWatch,
    delivery::header,
    ended::{deaths, text},
    link::{Link, RPC},
    subscription::{Subscription, Taken, WhenGone},
    topology::names::{IN_ENDED, lane_exchange, lane_of},
};
use lapin::{
    Acker, BasicProperties,
    options::{BasicAckOptions, BasicNackOptions},
};
use std::{fmt, future::pending};
use tokio::{sync::mpsc, time::timeout};
use valet_protocol::{Lane, Priority};
use zeroize::Zeroizing;

/// A queue of a lane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LaneQueue {
    /// The lane.
    pub lane: Lane,
    /// Which of its queues.
    pub priority: Priority,
}

/// The messages of one queue as they come. Dropping it hands back what was not settled.
#[derive(Debug)]
pub struct LaneFeed {
    taken: mpsc::Receiver<Taken>,
    queue: String,
    link: Link,
}

/// A message in hand. Dropping it unsettled hands it back.
pub struct LaneDelivery {
    body: Zeroizing<Vec<u8>>,
    properties: BasicProperties,
    redelivered: bool,
    queue: String,
    /// Kept: closing the channel would give the message back. None once it is settled.
    hand: Option<Taken>,
}

/// Why a message could not be settled: the broker has taken it back, and gives it out again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of {queue} is not ours any more: {cause}")]
pub struct LaneLoss {
    /// The queue.
    pub queue: String,
    /// How it showed.
    pub cause: String,
}

impl LaneQueue {
    /// The queue's name, which is its exchange's too.
    pub fn name(&self) -> String {
        lane_exchange(&self.lane, self.priority)
    }
}

impl fmt::Display for LaneQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl LaneFeed {
    /// Of one lane's queue; ends when that is gone.
    pub(crate) fn of_lane(link: Link, queue: &LaneQueue, window: u16, numbers: NumbersWatch) -> Self {
        Self::start(link, queue.name(), window, numbers, WhenGone::End)
    }

    /// Of what the broker took off any lane's queue.
    pub(crate) fn of_ended(link: Link, window: u16, numbers: NumbersWatch) -> Self {
        Self::start(link, IN_ENDED.to_owned(), window, numbers, WhenGone::Wait)
    }

    fn start(link: Link, queue: String, window: u16, numbers: NumbersWatch, when_gone: WhenGone) -> Self {
        let subscription = Subscription {
            link: link.clone(),
            queue: queue.clone(),
            window: window.max(1),
            numbers,
            when_gone,
        };
        Self { taken: subscription.start(), queue, link }
    }

    /// The next message; waits for as long as it takes, over reconnects. None once the session is closed or the lane's
    /// queue is gone. Cancel-safe.
    pub async fn next(&mut self) -> Option<LaneDelivery> {
        loop {
            let taken = self.taken.recv().await?;
            // It waited here while its connection went: it comes again.
            if self.link.is_up(taken.opened.generation) && taken.ended.borrow().is_none() {
                return Some(LaneDelivery::new(taken, &self.queue));
            }
        }
    }
}

impl LaneDelivery {
    fn new(mut taken: Taken, queue: &str) -> Self {
        Self {
            body: Zeroizing::new(std::mem::take(&mut taken.delivery.data)),
            properties: taken.delivery.properties.clone(),
            redelivered: taken.delivery.redelivered,
            queue: queue.to_owned(),
            hand: Some(taken),
        }
    }

    /// The message's bytes. They may hold grants: never log them.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// AMQP `message_id`, as the publisher says.
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

    /// A header's text, when it is a string (e.g. `traceparent`).
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.properties, name)
    }

    /// Whether the broker gave it out before.
    pub fn redelivered(&self) -> bool {
        self.redelivered
    }

    /// The queue that it was taken from.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Which lane's queue it was taken from; none for what the broker took off one ([`LaneDelivery::endings`] then
    /// says from which).
    pub fn lane(&self) -> Option<LaneQueue> {
        lane_of(&self.queue).map(|(lane, priority)| LaneQueue { lane, priority })
    }

    /// How it ended, and in which lane's queue, for a message of `in.ended`: every entry of the broker's record.
    ///
    /// RabbitMQ 3.10 keeps entries of that record which the publisher made up, so there may be others' lanes among
    /// them. The right one is of a lane that takes messages of this [`LaneDelivery::user_id`]; there may be none.
    pub fn endings(&self) -> Vec<(LaneQueue, Ending)> {
        let mut found: Vec<(LaneQueue, Ending)> = Vec::new();
        for death in deaths(&self.properties) {
            let word = |name| death.inner().get(name).and_then(text).unwrap_or_default();
            let Some((lane, priority)) = lane_of(&word("queue")) else { continue };
            let queue = LaneQueue { lane, priority };
            let ending = match word("reason").as_str() {
                "expired" => Ending::Expired,
                "delivery_limit" => Ending::Lost { deliveries: 0 },
                _ => Ending::Other,
            };
            if !found.iter().any(|(known, _)| *known == queue) {
                found.push((queue, ending));
            }
        }
        found
    }

    /// Takes it off the queue for good. What became of it must be confirmed before.
    pub async fn ack(mut self) -> Result<(), LaneLoss> {
        let Some(taken) = self.hand.take() else { return Ok(()) };
        self.settled(taken, async |acker| acker.ack(BasicAckOptions::default()).await).await
    }

    /// Gives it back, to the place that it had.
    pub async fn hand_back(mut self) -> Result<(), LaneLoss> {
        let Some(taken) = self.hand.take() else { return Ok(()) };
        self.settled(taken, async |acker| acker.nack(REQUEUE).await).await
    }

    /// Resolves with the reason once the broker has taken it back. Cancel-safe.
    pub async fn lost(&self) -> LaneLoss {
        let Some(taken) = &self.hand else { return pending().await };
        let mut ended = taken.ended.clone();
        // An error means that the subscription has ended, and the channel with it.
        let cause = ended.wait_for(Option::is_some).await.ok().and_then(|loss| loss.clone());
        self.loss(cause.map_or_else(|| "the channel is gone".to_owned(), |loss| loss.cause))
    }

    async fn settled(
        &self,
        taken: Taken,
        settle: impl AsyncFnOnce(&Acker) -> lapin::Result<bool>,
    ) -> Result<(), LaneLoss> {
        match timeout(RPC, settle(&taken.delivery.acker)).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(self.loss("its channel is closed".to_owned())),
            Ok(Err(error)) => Err(self.loss(error.to_string())),
            Err(_) => Err(self.loss(format!("the broker took no answer for {} s", RPC.as_secs()))),
        }
    }

    fn loss(&self, cause: String) -> LaneLoss {
        LaneLoss { queue: self.queue.clone(), cause }
    }
}

const REQUEUE: BasicNackOptions = BasicNackOptions { requeue: true, multiple: false };

impl fmt::Debug for LaneDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LaneDelivery")
            .field("queue", &self.queue)
            .field("user_id", &self.user_id())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Drop for LaneDelivery {
    fn drop(&mut self) {
        let Some(taken) = self.hand.take() else { return };
        // Without it the message would stay ours, unjudged, as long as the feed lives. If this does not arrive, the
        // channel is gone, and the message back already.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = timeout(RPC, taken.delivery.acker.nack(REQUEUE)).await;
            });
        }
    }
}
