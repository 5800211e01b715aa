//! Who sent a message, where to, and what only our own producer may say in one.

use valet_protocol::{JobMessage, LaneKind, LaneRecord, Priority, Reason};

use crate::finding::{Finding, Rule};

/// The login that published it. The broker proves it where a client sends it, and a client may leave it out.
pub(crate) fn publisher(user_id: Option<&str>, lane: &LaneRecord) -> Option<Finding> {
    let what = match user_id {
        Some(user) if lane.publishers.iter().any(|publisher| publisher == user) => return None,
        Some(_) => "another login than the lane's own published the message",
        None => "the message does not say which login published it",
    };
    let change = format!(
        "Publish with the login of lane {} and set the AMQP property user_id to that login's name.",
        lane.lane
    );
    Some(Finding::new(Rule::Publisher, Reason::PublisherRefused, what, &change))
}

/// What its fields say about its way.
pub(crate) fn envelope(message: &JobMessage, lane: &LaneRecord, priority: Priority) -> Vec<Finding> {
    [
        of_lane(message, lane),
        of_exchange(message, priority),
        of_ceiling(message, lane),
        of_mints(message, lane),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_lane(message: &JobMessage, lane: &LaneRecord) -> Option<Finding> {
    let (says, is) = (&message.lane, &lane.lane);
    (says != is).then(|| {
        let what = format!("the message says lane {says}, and came in on lane {is}");
        let change = format!("Set the field lane to \"{is}\".");
        Finding::new(Rule::Lane, Reason::BadMessage, &what, &change)
    })
}

fn of_exchange(message: &JobMessage, priority: Priority) -> Option<Finding> {
    (message.priority != priority).then(|| {
        let says = word(message.priority);
        let what = format!("the message says priority {says}, and came in with priority {}", word(priority));
        let change = format!(
            "Publish it to the exchange of its priority (in.LANE is normal, in.LANE.low is low, in.LANE.high is \
             high), or set the field priority to \"{}\".",
            word(priority)
        );
        Finding::new(Rule::Priority, Reason::BadMessage, &what, &change)
    })
}

fn of_ceiling(message: &JobMessage, lane: &LaneRecord) -> Option<Finding> {
    (message.priority > lane.priority_max).then(|| {
        let highest = word(lane.priority_max);
        let what = format!("the lane's highest priority is {highest}");
        let change = format!("Set the field priority to \"{highest}\", or ask for a higher one.");
        Finding::new(Rule::Priority, Reason::BadMessage, &what, &change)
    })
}

/// A partner's job ends when its grants do: nobody here can mint new ones.
fn of_mints(message: &JobMessage, lane: &LaneRecord) -> Option<Finding> {
    let counts = message.remints > 0 || message.attempts_before > 0;
    (lane.kind == LaneKind::Partner && counts).then(|| {
        let what = "the message counts mints or earlier attempts, which only a producer with a reminter does";
        let change = "Leave the fields remints and attempts_before out.";
        Finding::new(Rule::Mint, Reason::BadMessage, what, change)
    })
}

fn word(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low",
        Priority::Normal => "normal",
        Priority::High => "high",
    }
}
