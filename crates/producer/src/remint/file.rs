//! A letter from `expired` into `dead`: the same bytes, with who put it there and why.
//! Must never look into the message.

use valet_broker::{DeadLetter, Outgoing, topology::names};
use valet_protocol::{Detail, Reason, WorkerName, amqp};

/// The letter for `dead`.
pub(super) fn into_dead(letter: &DeadLetter, reason: Reason, detail: &str, name: &WorkerName) -> Outgoing {
    let id = letter.message_id.as_deref().unwrap_or_default();
    let mut outgoing = Outgoing::new(names::DEAD, names::DEAD, id, letter.body());
    outgoing.type_ = letter.message_type.clone();
    outgoing.content_type = Some(amqp::CONTENT_TYPE.to_owned());
    outgoing.timestamp = letter.submitted_at;
    let mut header = |name: &str, value: &str| outgoing.headers.push((name.to_owned(), value.to_owned()));
    header(amqp::REASON, reason.code());
    header(amqp::DETAIL, Detail::new(detail).as_str());
    header(amqp::WORKER, name.as_str());
    if let Some(attempt) = letter.attempt {
        header(amqp::ATTEMPT, &attempt.to_string());
    }
    if let Some(user) = &letter.user_id {
        header(amqp::USER_ID, user);
    }
    if let Some(trace) = letter.header(amqp::TRACEPARENT) {
        header(amqp::TRACEPARENT, trace);
    }
    outgoing
}
