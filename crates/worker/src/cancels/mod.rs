//! Which jobs somebody has cancelled: the orders on the broker's log, read from its first entry on, then followed.
//!
//! It decides nothing; whoever has a job asks, or waits for its order. What is kept is bounded in number and in age:
//! no message of a job lives longer than an order for it.

mod follow;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;
use valet_broker::{ORDERS_MAX, OrderSet};
use valet_protocol::{CancelOrder, JobKey};

pub use follow::follow;

/// All orders that may still be of use. Clones are the same.
#[derive(Debug, Clone)]
pub struct Cancels(Arc<watch::Sender<State>>);

#[derive(Debug)]
struct State {
    orders: OrderSet,
    /// Some were forgotten for lack of room, and that has been told.
    is_full: bool,
    caught_up: bool,
}

impl Default for Cancels {
    /// None yet.
    fn default() -> Self {
        let state = State { orders: OrderSet::default(), is_full: false, caught_up: false };
        Self(Arc::new(watch::Sender::new(state)))
    }
}

impl Cancels {
    /// Takes an order in, as of `now`.
    pub fn note(&self, order: CancelOrder, now: Timestamp) {
        let mut must_tell = false;
        self.0.send_modify(|state| {
            must_tell = state.orders.add(order, now) && !std::mem::replace(&mut state.is_full, true);
        });
        if must_tell {
            tracing::warn!(ORDERS_MAX, "the oldest orders to cancel jobs are forgotten: there are too many");
        }
    }

    /// All that was ordered before the worker began to read is known.
    pub fn note_caught_up(&self) {
        self.0.send_modify(|state| state.caught_up = true);
    }

    /// Ends when [`Self::note_caught_up`] was called, at once when it was.
    pub async fn caught_up(&self) {
        // An error would mean that the sender is gone, and we hold it.
        let _ = self.0.subscribe().wait_for(|state| state.caught_up).await;
    }

    /// The order to cancel a message of `job` that was submitted then, if there is one.
    #[must_use]
    pub fn order_for(&self, job: &JobKey, submitted_at: Timestamp) -> Option<CancelOrder> {
        self.0.borrow().orders.order_for(job, submitted_at)
    }

    /// Ends with that order, once there is one.
    pub async fn ordered(&self, job: &JobKey, submitted_at: Timestamp) -> CancelOrder {
        let mut changes = self.0.subscribe();
        loop {
            if let Some(order) = changes.borrow_and_update().orders.order_for(job, submitted_at) {
                return order;
            }
            if changes.changed().await.is_err() {
                return std::future::pending().await; // cannot be: we hold the sender
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use jiff::SignedDuration;
    use valet_protocol::Lane;

    use super::*;

    fn order(now: Timestamp) -> CancelOrder {
        CancelOrder {
            lane: Lane::default(),
            job: crate::sample::job(now).id,
            time: now,
            detail: "wrong folder".into(),
        }
    }

    #[tokio::test]
    async fn who_waits_for_an_order_gets_it_and_who_was_submitted_later_does_not() {
        let now = Timestamp::now();
        let (cancels, order) = (Cancels::default(), order(now));
        let before = now - SignedDuration::from_secs(1);
        let waiting = tokio::spawn({
            let (cancels, job) = (cancels.clone(), order.key());
            async move { cancels.ordered(&job, before).await }
        });
        assert_eq!(cancels.order_for(&order.key(), before), None);
        cancels.note(order.clone(), now);
        assert_eq!(waiting.await.unwrap(), order);
        assert_eq!(cancels.order_for(&order.key(), now), None, "submitted anew");
        assert!(cancels.ordered(&order.key(), now).now_or_never().is_none());
    }

    #[test]
    fn an_order_is_remembered_among_some_hundred_thousand() {
        let (cancels, now) = (Cancels::default(), Timestamp::now());
        let job = |number: u32| format!("01920000-0000-7000-8000-{number:012}").parse().unwrap();
        let nth = |number| CancelOrder { job: job(number), ..order(now) };
        (0..200_000).for_each(|number| cancels.note(nth(number), now));
        let before = now - SignedDuration::from_secs(1);
        for number in [0, 100_000, 199_999] {
            assert!(cancels.order_for(&nth(number).key(), before).is_some(), "{number}");
        }
    }

    #[test]
    fn jobs_wait_until_all_orders_are_known() {
        let cancels = Cancels::default();
        assert!(cancels.caught_up().now_or_never().is_none());
        cancels.note_caught_up();
        assert!(cancels.caught_up().now_or_never().is_some());
    }
}
