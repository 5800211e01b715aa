//! Letters that nobody wrote: what the broker's own headers say of the way that they came.
//! Must never take a header for the truth about a job: a client may send such headers too.

use valet_broker::DeadLetter;
use valet_protocol::amqp;

/// How a letter came here that no worker and no reminter has written; none for all others.
pub(super) fn way(letter: &DeadLetter) -> Option<String> {
    if letter.header(amqp::REASON).is_some() {
        return None;
    }
    let queue = letter.header("x-first-death-queue");
    let what = match letter.header("x-first-death-reason") {
        Some("delivery_limit") => "came back from too many workers that were lost",
        Some("expired") => "was in the queue for longer than it may be",
        Some("rejected") => "was given back for another attempt until there was none left",
        Some("maxlen") => "was in a queue that was full",
        _ => return Some("nobody has written why it is here, and neither did the broker".to_owned()),
    };
    let from = queue.map(|queue| format!(", first in {}", crate::output::safe(queue))).unwrap_or_default();
    Some(format!("the broker itself put it here: it {what}{from}"))
}
