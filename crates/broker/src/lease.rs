//! Do we still hold the job?
//!
//! The broker takes an unsettled job back when its connection or channel dies, and when it has been
//! held for longer than the consumer timeout: up to RabbitMQ 4.2 it closes the channel then (406),
//! from 4.3 on it ends the consumer. Another worker starts the job while we still work. So a lease
//! watches the connection, the channel, the consumer that stays open for it, and our own clock, which
//! runs out first: a broker looks at the age of deliveries once a minute only.

use crate::{NumbersWatch, link::Link};
use lapin::Acker;
use std::{fmt, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, interval, sleep_until},
};

/// How often the acker is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Our clock runs out so much before the consumer timeout, at most …
const MARGIN_MAX: Duration = Duration::from_secs(5);
/// … and by this part of it: what came late to us was counted earlier by the broker.
const MARGIN_PART: u32 = 20;

/// Watches whether we still hold the job. Clone it into the work.
#[derive(Clone)]
pub struct Lease {
    pub(crate) link: Link,
    pub(crate) generation: u64,
    pub(crate) acker: Acker,
    /// Set once the consumer has ended.
    pub(crate) ended: watch::Receiver<Option<LeaseLoss>>,
    pub(crate) clock: Clock,
}

/// Why a job is no longer ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseLoss {
    /// How it showed.
    pub cause: String,
}

impl Lease {
    /// Have we lost it, as far as we know now?
    pub fn is_lost(&self) -> bool {
        self.loss().is_some()
    }

    /// How we lost it, as far as we know now.
    pub(crate) fn loss(&self) -> Option<LeaseLoss> {
        if !self.link.is_up(self.generation) {
            return Some(loss("the connection to the broker was lost"));
        }
        if let Some(ended) = self.ended.borrow().clone() {
            return Some(ended);
        }
        if self.acker.poisoned() {
            return Some(loss("the broker closed the channel"));
        }
        (Instant::now() >= self.clock.until()).then(held_too_long)
    }

    /// When our own clock calls it lost: shortly before the broker's consumer timeout.
    pub fn until(&self) -> std::time::Instant {
        self.clock.until().into_std()
    }

    /// Waits until it is lost, and never resolves otherwise. Then stop the work, store nothing and
    /// report nothing: another worker has the job.
    pub async fn lost(&self) -> LeaseLoss {
        let mut look = interval(LOOK);
        let mut ended = self.ended.clone();
        loop {
            tokio::select! {
                () = self.link.lost(self.generation) => {}
                // An error means that nobody watches the consumer any more: the job was settled.
                Ok(_) = ended.wait_for(Option::is_some) => {}
                () = sleep_until(self.clock.until()) => {}
                _ = look.tick() => {}
            }
            if let Some(loss) = self.loss() {
                return loss;
            }
        }
    }
}

/// Our own clock for one job: since when we have it, and how long that may be as declared by now.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    since: Instant,
    numbers: NumbersWatch,
}

impl Clock {
    /// Of a job that is given out now.
    pub(crate) fn start(numbers: NumbersWatch) -> Self {
        Self { since: Instant::now(), numbers }
    }

    fn until(&self) -> Instant {
        let consumer_timeout = self.numbers.now().consumer_timeout();
        let margin = (consumer_timeout / MARGIN_PART).min(MARGIN_MAX);
        self.since + consumer_timeout.saturating_sub(margin)
    }
}

fn held_too_long() -> LeaseLoss {
    loss("the job was held for longer than the broker's consumer timeout")
}

pub(crate) fn loss(cause: impl Into<String>) -> LeaseLoss {
    LeaseLoss { cause: cause.into() }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("lost", &self.is_lost()).finish()
    }
}
