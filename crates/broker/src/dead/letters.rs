//! Letters as they come, one at a time: for the reminter.

use super::{DeadLetter, DeadQueue};
use crate::{
    NumbersWatch,
    link::Link,
    subscription::{Subscription, Taken, WhenGone},
};
use tokio::sync::mpsc;

/// One queue's letters as they come. Several may run: each letter is in one hand only. One letter at a
/// time: the next comes when [`DeadLetter::remove`] or [`DeadLetter::hand_back`] has settled this one.
#[derive(Debug)]
pub struct LetterFeed {
    taken: mpsc::Receiver<Taken>,
    queue: DeadQueue,
}

impl LetterFeed {
    pub(crate) fn start(link: Link, queue: DeadQueue, numbers: NumbersWatch) -> Self {
        let subscription =
            Subscription { link, queue: queue.name().into(), window: 1, numbers, when_gone: WhenGone::Wait };
        Self { taken: subscription.start(), queue }
    }

    /// The next letter; waits for as long as it takes, over reconnects. None once the session is
    /// closed. Cancel-safe. A letter that is dropped unsettled stays in this feed's hand until the feed
    /// is dropped.
    pub async fn next(&mut self) -> Option<DeadLetter> {
        let taken = self.taken.recv().await?;
        Some(DeadLetter::new(taken.delivery, taken.opened, self.queue))
    }
}
