//! Names and constants of the AMQP properties and headers around messages and reports.
//! Must know no client library.

use jiff::Timestamp;

/// `content_type` of job messages and of reports.
pub const CONTENT_TYPE: &str = "application/json";
/// `type` of a job message of wire format version 1.
pub const JOB_TYPE: &str = "valet.job.v1";
/// `type` of an order on the exchange `control`.
pub const ORDER_TYPE: &str = "valet.order.v1";
/// `delivery_mode`: persistent.
pub const DELIVERY_MODE: u8 = 2;
/// W3C trace context of the submission.
pub const TRACEPARENT: &str = "traceparent";
/// On a dead letter: the [`crate::Reason`] code.
pub const REASON: &str = "valet-reason";
/// On a dead letter: what happened, as text of at most [`crate::limits::DETAIL_BYTES_MAX`] bytes.
pub const DETAIL: &str = "valet-detail";
/// On a dead letter: the attempt that settled it, counted from 1.
pub const ATTEMPT: &str = "valet-attempt";
/// On a dead letter: the worker that settled it.
pub const WORKER: &str = "valet-worker";
/// On a dead letter of a dispatcher: the lane on whose queue the message came, whatever the message says.
pub const LANE: &str = "valet-lane";
/// On a dead letter: the broker-checked `user_id` of the original publisher.
pub const USER_ID: &str = "valet-user-id";

/// What every CloudEvents attribute's header starts with.
pub const CLOUD_EVENTS_PREFIX: &str = "cloudEvents:";

/// The `expiration` property: whole milliseconds from `now` until the message is of no use any more.
/// `None` if that is not in the future.
pub fn expiration(not_after: Timestamp, now: Timestamp) -> Option<String> {
    let milliseconds = not_after.as_millisecond() - now.as_millisecond();
    // RabbitMQ refuses values above 2^32 - 1 (49 days); not_after in the message still holds then.
    (milliseconds > 0).then(|| milliseconds.min(i64::from(u32::MAX)).to_string())
}

/// Whether a text is a [`TRACEPARENT`]: `00-<32 hex>-<16 hex>-<2 hex>`, the first version of W3C's trace context.
pub fn is_traceparent(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
    lengths == [2, 32, 16, 2] && parts.iter().all(|part| hex(part)) && parts[0] == "00"
}
