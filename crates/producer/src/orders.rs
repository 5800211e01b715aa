//! Orders to all workers, on the exchange `control`. They stay in a log there, so that a worker that starts later,
//! or a job that waits for hours, meets them too. Must never ask for anything but to stop.

use valet_broker::{Outgoing, topology::names};
use valet_protocol::{CancelOrder, amqp};

/// An order with its AMQP properties.
pub fn outgoing(order: &CancelOrder) -> Outgoing {
    let id = format!("{}/{}", order.routing_key(), order.time.as_millisecond());
    let mut outgoing = Outgoing::new(names::CONTROL, order.routing_key(), id, order.encode());
    outgoing.type_ = Some(amqp::ORDER_TYPE.to_owned());
    outgoing.content_type = Some(amqp::CONTENT_TYPE.to_owned());
    outgoing.timestamp = Some(order.time);
    outgoing
}
