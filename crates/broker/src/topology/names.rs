//! Every name on the broker, once.

use valet_protocol::{Lane, Priority};

/// Direct exchange for jobs; key [`JOBS_KEY`].
pub const JOBS: &str = "jobs";
/// Routing key of a new job.
pub const JOBS_KEY: &str = "r0";
/// Headers exchange that sorts what leaves `jobs.r0`.
pub const JOBS_DLX: &str = "jobs.dlx0";
/// Direct exchange for dead letters; keys [`DEAD`] and [`EXPIRED`].
pub const DEAD: &str = "dead";
/// Queue and key of jobs whose grants died.
pub const EXPIRED: &str = "expired";
/// Topic exchange for reports.
pub const EVENTS: &str = "events";
/// Topic exchange for the operator's orders (cancel).
pub const CONTROL: &str = "control";
/// Attempt 1.
pub const JOBS_R0: &str = "jobs.r0";
/// Attempt 2.
pub const JOBS_R1: &str = "jobs.r1";
/// Attempt 3.
pub const JOBS_R2: &str = "jobs.r2";
/// Jobs that the broker itself took off a stage: they killed their workers, or their time ran out.
pub const JOBS_ENDED: &str = "jobs.ended";
/// Wait before attempt 2.
pub const RETRY_1: &str = "retry.1";
/// Wait before attempt 3.
pub const RETRY_2: &str = "retry.2";
/// The log of reports, a stream.
pub const EVENTS_LOG: &str = "events.log";
/// The log of orders, a stream.
pub const CONTROL_LOG: &str = "control.log";
/// The numbers that were declared, a stream: its last entry counts.
pub const TOPOLOGY_LOG: &str = "topology.log";

/// What the broker itself took off a lane's queue: its time ran out, or it came back too often. A quorum queue that the
/// dispatcher reads, and executes nothing of.
pub const IN_ENDED: &str = "in.ended";
/// What each lane is allowed, a stream: a lane's last entry counts.
pub const LANES_LOG: &str = "lanes.log";
/// An exclusive queue that holds nothing: the dispatcher whose connection owns it leads.
pub const DISPATCH_LEAD: &str = "dispatch.lead";

/// Lanes that cannot be: what belongs to them would be called like something of ours ([`IN_ENDED`], [`EVENTS_LOG`]),
/// or their reports would be filed where marks are.
const RESERVED: [&str; 3] = [ENDED_LANE, "log", MARK];

/// Stands in dead letters for the lane of a message that is nobody's: no lane may be called so.
pub const ENDED_LANE: &str = "ended";

/// What to run when the topology is not as it should be.
pub const REMEDY: &str = "`valet topology declare`";

/// First word of the routing key of a mark, which is no report: `mark.<uuid>`. A reader of [`EVENTS_LOG`] publishes
/// one and knows, when it comes back, that it has read all that was there before.
pub const MARK: &str = "mark";

/// Last word of a report's routing key: what workers may say.
pub const WORKER_WORDS: [&str; 9] =
    ["accepted", "started", "progress", "succeeded", "failed", "retrying", "expired", "dead", "cancelled"];

/// Last word of a report's routing key: what the dispatcher may say, of jobs that it refuses or that ended in a lane.
pub const DISPATCHER_WORDS: [&str; 4] = ["submitted", "failed", "expired", "dead"];

/// Last word of a report's routing key: what producers may say, of jobs that are in no worker's hands.
pub const PRODUCER_WORDS: [&str; 5] = ["submitted", "reminted", "expired", "dead", "cancelled"];

/// The fanout exchange of a lane, and the queue behind it. The exchange **is** the priority: RabbitMQ 3.10 knows none
/// in quorum queues, and no routing key, CC or BCC leads anywhere else.
pub fn lane_exchange(lane: &Lane, priority: Priority) -> String {
    match priority {
        Priority::High => format!("in.{lane}.high"),
        Priority::Normal => format!("in.{lane}"),
        Priority::Low => format!("in.{lane}.low"),
    }
}

/// The queue with a lane's own reports.
pub fn events_queue(lane: &Lane) -> String {
    format!("events.{lane}")
}

/// What the reports of a lane are bound by.
pub fn events_key(lane: &Lane) -> String {
    format!("{lane}.#")
}

/// Whether no lane may be called so: its queues would be others'.
pub fn is_reserved(lane: &Lane) -> bool {
    RESERVED.contains(&lane.as_str())
}

/// The lane and priority whose exchange or queue is called so, if it is one.
pub fn lane_of(name: &str) -> Option<(Lane, Priority)> {
    let rest = name.strip_prefix("in.")?;
    let (lane, priority) = match rest.split_once('.') {
        None => (rest, Priority::Normal),
        Some((lane, "high")) => (lane, Priority::High),
        Some((lane, "low")) => (lane, Priority::Low),
        Some(_) => return None,
    };
    let lane = lane.parse().ok().filter(|lane| !is_reserved(lane))?;
    Some((lane, priority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lanes_queues_are_known_by_name_and_are_no_others() {
        let lane: Lane = "acme".parse().unwrap();
        for priority in [Priority::High, Priority::Normal, Priority::Low] {
            assert_eq!(lane_of(&lane_exchange(&lane, priority)), Some((lane.clone(), priority)));
        }
        for other in [IN_ENDED, EVENTS_LOG, "in.", "in.acme.urgent", "in.acme.low.low", "in.A", "jobs.r0"] {
            assert_eq!(lane_of(other), None, "{other}");
        }
        for taken in ["ended", "log", "mark"] {
            assert!(is_reserved(&taken.parse().unwrap()), "{taken}");
        }
        assert!(!is_reserved(&Lane::default()));
    }
}
