//! The operator's orders (`control.log`): all that are kept, then each as it comes.
//!
//! Must never miss one: a worker reads from the first entry, and resumes by offset.

mod set;

use crate::{
    Outgoing,
    link::Link,
    log::{Entry, Item, Log, LogError, Start, chain},
    topology::names::{CONTROL, CONTROL_LOG},
};
use lapin::message::Delivery;
use valet_protocol::{CancelOrder, amqp};

pub use set::{ORDERS_MAX, OrderSet};

/// One thing read from the log of orders.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum OrderItem {
    /// An order.
    Order(CancelOrder),
    /// All orders that were there when the reader began have been given out. Comes exactly once.
    CaughtUp,
    /// A message that is no order. It is skipped, never an end.
    Malformed {
        /// Its place in the log.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
}

/// A reader of the orders. Reconnects by itself and goes on where it was; ends when it is dropped.
#[derive(Debug)]
pub struct Orders(Log<CancelOrder>);

impl Orders {
    pub(crate) fn start(link: Link) -> Self {
        // Workers may not write to their orders.
        Self(Log::replay(link, Start::First, None))
    }

    /// The next item; waits for new orders for ever. Cancel-safe.
    pub async fn next(&mut self) -> Result<OrderItem, LogError> {
        loop {
            return Ok(match self.0.next().await? {
                Item::Entry { entry, .. } => OrderItem::Order(*entry),
                Item::Malformed { offset, problem } => OrderItem::Malformed { offset, problem },
                Item::Mark { .. } => continue,
                Item::CaughtUp => OrderItem::CaughtUp,
            });
        }
    }
}

impl Entry for CancelOrder {
    const QUEUE: &'static str = CONTROL_LOG;

    fn read(delivery: &Delivery) -> Result<Self, String> {
        let order = Self::decode(&delivery.data).map_err(|error| chain(&error))?;
        match order.routing_key() == delivery.routing_key.as_str() {
            true => Ok(order),
            false => Err("it is about another job than its routing key".to_owned()),
        }
    }
}

/// An order as a message.
pub(crate) fn outgoing(order: &CancelOrder) -> Outgoing {
    let key = order.routing_key();
    let mut message = Outgoing::new(CONTROL, &key, &key, order.encode());
    message.type_ = Some(amqp::ORDER_TYPE.to_owned());
    message.content_type = Some(amqp::CONTENT_TYPE.to_owned());
    message.timestamp = Some(order.time);
    message
}
