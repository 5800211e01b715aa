//! One lane on the broker: for each priority a fanout exchange and the queue behind it; for a partner its own reports.
//!
//! Partners distrust each other, so no two share an exchange, and every way that a message of theirs can take has a
//! fixed key: RabbitMQ before 4.0.3 lets CC and BCC past the rights on topics, and dead-letters with both.

use super::{
    Binding, Exchange, Policy, Queue, Table, Topology, TopologyOptions,
    names::*,
    options::{milliseconds, policy},
    plain, table,
};
use serde_json::json;
use std::time::Duration;
use valet_protocol::{LaneKind, LaneRecord};

/// Times that a message may come back from dispatchers before it is filed in `in.ended`. What is at the head of a lane
/// comes back with each restart of theirs, and must not be given up for many of those.
pub(super) const LANE_DELIVERY_LIMIT: u32 = 100;
/// Records are tiny, and a lane's last one must never be trimmed: a hundred thousand changes.
pub(super) const LANES_BYTES_MAX: u64 = 256 << 20;
/// How long a partner's reports wait for it.
const EVENTS_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

/// How much a lane may hold, and how often its login may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneNumbers {
    /// Messages that wait in each queue of the lane before more are refused. Soft: a few more may slip in.
    pub length_max: u64,
    /// Bytes that wait in each queue of the lane before more are refused.
    pub bytes_max: u64,
    /// Longest wait in the lane.
    pub job_ttl: Duration,
    /// Reports that are kept for a partner who does not read them; then the oldest go.
    pub events_length_max: u64,
    /// Connections that its login may have at a time.
    pub connections_max: u32,
    /// Channels that its login may have at a time, over all connections.
    pub channels_max: u32,
}

impl Default for LaneNumbers {
    /// A partner's: some days of work, and connections for a publisher and a reader with a spare each.
    fn default() -> Self {
        Self {
            length_max: 100_000,
            bytes_max: 512 << 20,
            job_ttl: TopologyOptions::default().job_ttl,
            events_length_max: 100_000,
            connections_max: 4,
            channels_max: 16,
        }
    }
}

impl Topology {
    /// What one lane is, and nothing else.
    pub fn of_lane(record: &LaneRecord, numbers: &LaneNumbers) -> Self {
        let mut topology = Self {
            exchanges: Vec::new(),
            queues: Vec::new(),
            bindings: Vec::new(),
            policies: Vec::new(),
            retired: Vec::new(),
            lanes: Vec::new(),
            options: TopologyOptions::default(),
        };
        topology.add_lane(record, numbers);
        topology
    }

    pub(super) fn add_lane(&mut self, record: &LaneRecord, numbers: &LaneNumbers) {
        for priority in record.priorities() {
            let name = lane_exchange(&record.lane, *priority);
            self.exchanges.push(Exchange { name: name.clone(), kind: "fanout", internal: false });
            self.bindings.push(plain(&name, &name, ""));
            self.policies.push(waiting(&name, numbers));
            self.queues.push(lane_queue(name));
        }
        if record.kind == LaneKind::Partner {
            let name = events_queue(&record.lane);
            self.bindings.push(plain(EVENTS, &name, &events_key(&record.lane)));
            self.policies.push(kept(&name, numbers));
            self.queues.push(reports_queue(name));
        }
        self.lanes.push(record.clone());
    }
}

fn lane_queue(name: String) -> Queue {
    let mut queue = of_strangers(&name, IN_ENDED);
    // Of two dispatchers that believe to lead, one is given messages.
    queue.arguments.insert("x-single-active-consumer".into(), true.into());
    queue
}

/// A queue whose messages, headers and all, are a stranger's, and which move on under this key.
///
/// **At most once**: the broker before 4.0 reads the `x-death` that a publisher made up when it dead-letters. One that
/// is no list of tables kills the process that moves messages at least once, and soon its supervisor: one message of
/// a partner then stops that for every queue on the node. So moved, it costs the queue that it is in a restart.
pub(super) fn of_strangers(name: &str, key: &str) -> Queue {
    let arguments = table(json!({
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": key,
        "x-overflow": "reject-publish",
    }));
    Queue { name: name.into(), arguments }
}

/// Its overflow is an argument, too: with reject-publish one partner who does not read would block all reports.
fn reports_queue(name: String) -> Queue {
    Queue { name, arguments: table(json!({ "x-queue-type": "quorum", "x-overflow": "drop-head" })) }
}

fn waiting(queue: &str, numbers: &LaneNumbers) -> Policy {
    let mut definition = bounds(numbers.length_max, numbers.bytes_max);
    definition.insert("message-ttl".into(), milliseconds(numbers.job_ttl).into());
    definition.insert("delivery-limit".into(), LANE_DELIVERY_LIMIT.into());
    let limit_over_all = table(json!({ "delivery-limit": LANE_DELIVERY_LIMIT }));
    Policy { limit_over_all, ..policy(queue, definition) }
}

fn kept(queue: &str, numbers: &LaneNumbers) -> Policy {
    let mut definition = bounds(numbers.events_length_max, numbers.bytes_max);
    definition.insert("message-ttl".into(), milliseconds(EVENTS_TTL).into());
    policy(queue, definition)
}

fn bounds(length_max: u64, bytes_max: u64) -> Table {
    table(json!({ "max-length": length_max, "max-length-bytes": bytes_max }))
}

/// A binding as lanes have them: from an exchange of its own to its queue, or its reports.
pub(crate) fn is_of_a_lane(binding: &Binding) -> bool {
    let of_reports = || {
        let lane = binding.key.strip_suffix(".#").and_then(|lane| lane.parse().ok());
        lane.is_some_and(|lane| !is_reserved(&lane) && binding.queue == events_queue(&lane))
    };
    let own =
        || binding.source == binding.queue && lane_of(&binding.source).is_some() && binding.key.is_empty();
    binding.arguments.is_empty() && (own() || (binding.source == EVENTS && of_reports()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use valet_protocol::Priority;

    fn acme() -> LaneRecord {
        LaneRecord::partner("acme".parse().unwrap(), "acme".to_owned())
    }

    #[test]
    fn a_partners_lane_has_its_queues_up_to_its_ceiling_and_its_reports() {
        let names = |record: &LaneRecord| {
            let queues = Topology::of_lane(record, &LaneNumbers::default()).queues;
            queues.into_iter().map(|queue| queue.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&acme()), ["in.acme", "in.acme.low", "events.acme"]);
        let high = LaneRecord { priority_max: Priority::High, ..acme() };
        assert_eq!(names(&high), ["in.acme.high", "in.acme", "in.acme.low", "events.acme"]);
    }

    #[test]
    fn only_a_lanes_own_bindings_are_known_as_such() {
        assert!(Topology::of_lane(&acme(), &LaneNumbers::default()).bindings.iter().all(is_of_a_lane));
        for (source, queue, key) in [
            ("events", "events.acme", "#"),
            ("events", "events.acme", "zeta.#"),
            ("events", "events.log", "log.#"),
            ("in.acme", "in.zeta", ""),
            ("in.acme", "jobs.r0", ""),
            ("in.ended", "in.ended", ""),
            ("jobs", "in.acme", ""),
        ] {
            assert!(!is_of_a_lane(&plain(source, queue, key)), "{source} → {queue} {key}");
        }
    }
}
