//! Reads the operator's orders from the broker, and goes on reading for as long as the worker lives.

use jiff::Timestamp;
use valet_broker::{LogError, OrderItem, Orders};

use super::Cancels;
use crate::codec::escape;

/// Takes every order in. It outlives connections: after a loss it goes on where it was, so that none is missed.
///
/// # Errors
/// Ends with the reason why orders cannot be read: without them no job may be taken.
pub async fn follow(mut orders: Orders, cancels: Cancels) -> LogError {
    loop {
        match orders.next().await {
            Ok(OrderItem::Order(order)) => {
                tracing::debug!(job.id = %order.job, time = %order.time, "an order to cancel");
                cancels.note(order, Timestamp::now());
            }
            Ok(OrderItem::CaughtUp) => cancels.note_caught_up(),
            Ok(OrderItem::Malformed { offset, problem }) => {
                let problem = escape(&problem);
                tracing::warn!(offset, problem, "an order cannot be read, and is passed over");
            }
            Ok(_) => {}
            Err(error) => return error,
        }
    }
}
