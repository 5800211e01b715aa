//! The whole topology as one value: exchanges, queues, bindings, policies and rights.
//!
//! ```text
//! ex jobs (direct) ─r0─▶ q jobs.r0 ─┬ rejected ─▶ q retry.1 ─ttl─▶ q jobs.r1 ─▶ q retry.2 ─ttl─▶ q jobs.r2 ─┐
//!                    ex jobs.dlx0 ──┴ expired, delivery_limit ─▶ q jobs.ended ◀────────────────────────────┘
//! ex dead (direct) ─dead─▶ q dead, ─expired─▶ q expired        ex events (topic) ─#─▶ q events.log (stream)
//! ex control (topic) ─cancel.*─▶ q control.log (stream)        q topology.log (stream): the declared numbers
//! ex in.L (fanout) ─▶ q in.L ─dispatcher─▶ ex jobs             q lanes.log (stream): what each lane is allowed
//!                        └ expired, delivery_limit ─▶ q in.ended    ex events ─L.#─▶ q events.L (of partners)
//! ```
//!
//! **Walls are arguments, numbers are policies.** What would lose a message or let it take another
//! way when it is absent (dead-letter exchange, fixed key, at-least-once, reject-publish) is a queue
//! argument: it cannot be changed, and no foreign policy of higher priority can displace it, as only
//! one policy applies to a queue. What an operator may tune (times, lengths) is a policy: changing
//! an argument would need the queue to be deleted (406 on a redeclare).
//!
//! Must know no client library: the management API declares it, AMQP only looks.

mod lanes;
pub mod names;
mod options;
mod rights;
mod scopes;

pub use lanes::LaneNumbers;
pub(crate) use lanes::is_of_a_lane;
pub(crate) use options::limit_of;
pub use options::{ORDERS_BYTES_MAX, TopologyOptions};
pub use rights::{Right, Role, TopicRight};
pub use scopes::{LaneScope, Scopes};

use crate::{BrokerVersion, Counting, Numbers};
use names::*;
use serde_json::{Map, Value, json};
use valet_protocol::{Lane, LaneRecord};

/// A JSON object: arguments or a policy's definition.
pub type Table = Map<String, Value>;

/// An exchange; all are durable.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Its name.
    pub name: String,
    /// `direct`, `topic`, `headers` or `fanout`.
    pub kind: &'static str,
    /// No client may publish to it; only dead-lettering does.
    pub internal: bool,
}

/// A queue; all are durable.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Its fixed properties.
    pub arguments: Table,
}

/// A binding of a queue to an exchange.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The exchange.
    pub source: String,
    /// The queue.
    pub queue: String,
    /// The routing key.
    pub key: String,
    /// Header matches.
    pub arguments: Table,
}

/// The numbers of one queue.
#[derive(Clone, Debug)]
pub struct Policy {
    /// `valet.<queue>`.
    pub name: String,
    /// The queue it is for.
    pub queue: String,
    /// The numbers.
    pub definition: Table,
    /// The consumer timeout, which RabbitMQ takes as a policy from 3.12 on (3.10 refuses it).
    pub consumer_timeout: Table,
    /// The pause after a crash, which RabbitMQ takes as a policy from 4.3.1 on.
    pub delayed_retry: Table,
    /// The delivery limit where the broker counts it over all queues (RabbitMQ 4.3 and later).
    pub limit_over_all: Table,
}

/// Exchanges, queues, bindings, policies and rights, as data.
#[derive(Clone, Debug)]
pub struct Topology {
    /// All exchanges.
    pub exchanges: Vec<Exchange>,
    /// All queues.
    pub queues: Vec<Queue>,
    /// All bindings but those to the default exchange.
    pub bindings: Vec<Binding>,
    /// One policy per queue.
    pub policies: Vec<Policy>,
    /// Bindings of an earlier Valet that must go: messages would still take the old way.
    pub retired: Vec<Binding>,
    /// The lanes among all that, whose records are told when their exchanges are made.
    pub lanes: Vec<LaneRecord>,
    /// What was chosen.
    pub options: TopologyOptions,
}

impl Topology {
    /// Valet's topology with these numbers.
    pub fn standard(options: &TopologyOptions) -> Self {
        let mut topology = Self {
            exchanges: exchanges(),
            queues: queues(),
            bindings: bindings(),
            policies: options.policies(),
            retired: retired(),
            lanes: Vec::new(),
            options: options.clone(),
        };
        let own = LaneRecord::own(Lane::default(), options.publishers.clone());
        topology.add_lane(&own, &options.lane_numbers());
        topology
    }

    /// The numbers, as they hold on a broker of this version.
    pub fn numbers(&self, version: BrokerVersion) -> Numbers {
        let options = &self.options;
        let timeout = match version.capabilities().consumer_timeout_policy {
            true => options.consumer_timeout,
            false => options.node_consumer_timeout,
        };
        Numbers {
            consumer_timeout_seconds: timeout.as_secs(),
            retry_1_seconds: options.retry_1.as_secs(),
            retry_2_seconds: options.retry_2.as_secs(),
            job_ttl_seconds: options.job_ttl.as_secs(),
            delivery_limit: options.delivery_limit,
            broker_version: version.to_string(),
        }
    }
}

impl Policy {
    /// The numbers that a broker of this version takes.
    pub fn definition_for(&self, version: BrokerVersion) -> Table {
        let mut definition = self.definition.clone();
        let capabilities = version.capabilities();
        if capabilities.consumer_timeout_policy {
            definition.extend(self.consumer_timeout.clone());
        }
        if capabilities.delayed_retry_policy {
            definition.extend(self.delayed_retry.clone());
        }
        if capabilities.counting == Counting::Carried {
            definition.extend(self.limit_over_all.clone());
        }
        definition
    }

    /// The pattern that matches its queue and no other.
    pub fn pattern(&self) -> String {
        format!("^{}$", self.queue.replace('.', "\\."))
    }
}

fn exchanges() -> Vec<Exchange> {
    let exchange = |name: &str, kind| Exchange { name: name.into(), kind, internal: false };
    vec![
        exchange(JOBS, "direct"),
        Exchange { name: JOBS_DLX.into(), kind: "headers", internal: true },
        exchange(DEAD, "direct"),
        exchange(EVENTS, "topic"),
        exchange(CONTROL, "topic"),
    ]
}

fn queues() -> Vec<Queue> {
    vec![
        // The key is fixed on every hop: without one the publisher's own key and CC would travel on.
        hop(JOBS_R0, JOBS_DLX, JOBS_KEY),
        hop(RETRY_1, "", JOBS_R1),
        hop(JOBS_R1, "", RETRY_2),
        hop(RETRY_2, "", JOBS_R2),
        hop(JOBS_R2, "", JOBS_ENDED),
        // What kills the undertakers, too, ends in plain sight.
        hop(JOBS_ENDED, "", DEAD),
        lanes::of_strangers(IN_ENDED, DEAD),
        end(DEAD),
        end(EXPIRED),
        log(EVENTS_LOG),
        log(CONTROL_LOG),
        log(TOPOLOGY_LOG),
        log(LANES_LOG),
    ]
}

/// A queue whose messages move on when they are rejected, expire or come back too often.
fn hop(name: &str, exchange: &str, key: &str) -> Queue {
    let arguments = table(json!({
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": exchange,
        "x-dead-letter-routing-key": key,
        // Without it a dead letter without a route is dropped. It silently needs reject-publish.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }));
    Queue { name: name.into(), arguments }
}

/// A queue where messages stay until a person or the reminter takes them.
fn end(name: &str) -> Queue {
    let arguments = table(json!({
        "x-queue-type": "quorum",
        "x-overflow": "reject-publish",
        // Each look with `valet dead ls` counts as a return. RabbitMQ 4 drops a message at the 20th
        // by default, and -1 (no limit) is unknown to 3.10; a thousand million looks will do.
        "x-delivery-limit": 1_000_000_000,
    }));
    Queue { name: name.into(), arguments }
}

/// A stream: kept whole for every reader, trimmed by age and length alone.
fn log(name: &str) -> Queue {
    Queue { name: name.into(), arguments: table(json!({ "x-queue-type": "stream" })) }
}

fn bindings() -> Vec<Binding> {
    vec![
        plain(JOBS, JOBS_R0, JOBS_KEY),
        sorted(RETRY_1, "rejected"),
        sorted(JOBS_ENDED, "expired"),
        sorted(JOBS_ENDED, "delivery_limit"),
        plain(DEAD, DEAD, DEAD),
        plain(DEAD, EXPIRED, EXPIRED),
        plain(EVENTS, EVENTS_LOG, "#"),
        plain(CONTROL, CONTROL_LOG, "cancel.*"),
    ]
}

fn plain(source: &str, queue: &str, key: &str) -> Binding {
    Binding { source: source.into(), queue: queue.into(), key: key.into(), arguments: Table::new() }
}

/// Before there was `jobs.ended`, nobody told what the broker had ended.
fn retired() -> Vec<Binding> {
    vec![sorted(EXPIRED, "expired"), sorted(DEAD, "delivery_limit")]
}

/// all-with-x: only then do headers exchanges look at x-* headers. Only x-first-death-* exist on 3.10,
/// which is why reasons are sorted behind the first queue alone.
fn sorted(queue: &str, reason: &str) -> Binding {
    let arguments = table(json!({ "x-match": "all-with-x", "x-first-death-reason": reason }));
    Binding { source: JOBS_DLX.into(), queue: queue.into(), key: String::new(), arguments }
}

pub(crate) fn table(value: Value) -> Table {
    match value {
        Value::Object(table) => table,
        _ => Table::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hop_has_a_fixed_key_and_is_at_least_once_unless_its_messages_are_strangers() {
        for queue in Topology::standard(&TopologyOptions::default()).queues {
            if !queue.arguments.contains_key("x-dead-letter-exchange") {
                continue;
            }
            let is_of_strangers = lane_of(&queue.name).is_some() || queue.name == IN_ENDED;
            let strategy = queue.arguments.get("x-dead-letter-strategy");
            assert_eq!(strategy.is_none(), is_of_strangers, "{}: {strategy:?}", queue.name);
            assert_eq!(queue.arguments["x-overflow"], "reject-publish", "{}", queue.name);
            assert!(queue.arguments["x-dead-letter-routing-key"] != "", "{}", queue.name);
        }
    }

    #[test]
    fn a_limit_over_all_stages_is_larger_by_what_earlier_stages_have_counted() {
        let topology = Topology::standard(&TopologyOptions { delivery_limit: 7, ..Default::default() });
        let limits = |version| {
            let limit = |policy: &Policy| policy.definition_for(version).remove("delivery-limit");
            topology.policies.iter().filter_map(limit).collect::<Vec<_>>()
        };
        let lanes = [100, 100, 100];
        let with_lanes = |of_jobs: [u64; 5]| of_jobs.into_iter().chain(lanes).collect::<Vec<_>>();
        let told = "r0, r1, r2, both ended, and the lanes";
        assert_eq!(limits(BrokerVersion::new(4, 2, 9)), with_lanes([7, 7, 7, 20, 20]), "{told}");
        // No more than 10 are counted when a job comes to the last of them.
        assert_eq!(limits(BrokerVersion::new(4, 3, 0)), with_lanes([7, 8, 9, 30, 121]), "{told}");
    }

    #[test]
    fn each_queue_has_one_policy_that_matches_it_alone() {
        let topology = Topology::standard(&TopologyOptions::default());
        let governed: Vec<_> = topology.policies.iter().map(|policy| &policy.queue).collect();
        let queues: Vec<_> = topology.queues.iter().map(|queue| &queue.name).collect();
        assert_eq!(governed, queues);
        assert_eq!(topology.policies[0].pattern(), "^jobs\\.r0$");
    }
}
