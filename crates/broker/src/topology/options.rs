//! The numbers an operator may choose, and the policies that carry them.

use super::{
    LaneNumbers, Policy, Table,
    lanes::{LANE_DELIVERY_LIMIT, LANES_BYTES_MAX},
    names::*,
    table,
};
use crate::Stage;
use serde_json::json;
use std::time::Duration;

/// The numbers an operator may choose. Every other property is fixed.
#[derive(Clone, Debug)]
pub struct TopologyOptions {
    /// Wait before attempt 2: longer than most hiccups of storage.
    pub retry_1: Duration,
    /// Wait before attempt 3: longer than a restart of most things.
    pub retry_2: Duration,
    /// Longest stay in one jobs queue. At least the longest life of a grant: a retried message has
    /// lost its own expiration.
    pub job_ttl: Duration,
    /// Messages that each queue takes before it refuses more. Soft: a few more may slip in.
    pub queue_length_max: u64,
    /// Bytes that each queue takes before it refuses more.
    pub queue_bytes_max: u64,
    /// Crashes within one stage before a job goes on (from `jobs.r0`: to `dead`). A limit of 3 means
    /// that it is handed out 4 times. From RabbitMQ 4.3 on crashes of earlier stages count, too: a job
    /// may cost so many in all before its next one ends the stage, and each stage is begun.
    pub delivery_limit: u32,
    /// What the node's own `consumer_timeout` is: tells everybody the limit that holds before RabbitMQ
    /// 3.12, where no policy can set it. Changes nothing on the broker.
    pub node_consumer_timeout: Duration,
    /// How long reports are kept. Whole hours.
    pub events_age_max: Duration,
    /// Bytes of reports that are kept.
    pub events_bytes_max: u64,
    /// Longest time a worker may hold a job. Set from RabbitMQ 3.12 on; before, the node's own
    /// `consumer_timeout` (30 min by default) holds.
    pub consumer_timeout: Duration,
    /// Logins whose messages the lane `default` takes: the producers'.
    pub publishers: Vec<String>,
}

/// The stream's files: retention removes whole ones only, so they must be small next to the limit.
const EVENTS_SEGMENT_BYTES: u64 = 64 << 20;
/// Orders are short and few.
const ORDERS_SEGMENT_BYTES: u64 = 4 << 20;
/// Orders that are kept, whatever their age: some hundred thousand, and a worker remembers as many.
pub const ORDERS_BYTES_MAX: u64 = 256 << 20;
/// Orders are kept for so long beyond the life of any message they can be about.
const ORDERS_MARGIN: Duration = Duration::from_secs(24 * 3600);
/// Declarations are tiny; only the last one counts.
const NUMBERS_BYTES_MAX: u64 = 16 << 20;
/// Crashes of undertakers over one ended job before it goes to `dead` unreported.
const ENDED_DELIVERY_LIMIT: u32 = 20;
/// Pause before a job that lost its worker runs again, times the losses (RabbitMQ 4.3.1 and later):
/// short against the 30 s within which it must.
const CRASH_PAUSE_MILLISECONDS: u64 = 1000;
/// The longest such pause.
const CRASH_PAUSE_MILLISECONDS_MAX: u64 = 10_000;

impl Default for TopologyOptions {
    fn default() -> Self {
        Self {
            retry_1: Duration::from_secs(30),
            retry_2: Duration::from_secs(300),
            job_ttl: Duration::from_secs(24 * 3600),
            queue_length_max: 1_000_000,
            queue_bytes_max: 4 << 30,
            delivery_limit: 3,
            events_age_max: Duration::from_secs(7 * 24 * 3600),
            events_bytes_max: 4 << 30,
            consumer_timeout: Duration::from_secs(5 * 3600),
            node_consumer_timeout: Duration::from_secs(1800),
            publishers: vec!["valet-producer".to_owned()],
        }
    }
}

impl TopologyOptions {
    /// One policy per queue, in the order of the queues.
    pub(super) fn policies(&self) -> Vec<Policy> {
        vec![
            self.jobs(JOBS_R0),
            self.wait(RETRY_1, self.retry_1),
            self.jobs(JOBS_R1),
            self.wait(RETRY_2, self.retry_2),
            self.jobs(JOBS_R2),
            self.ended(),
            self.lane_ended(),
            policy(DEAD, self.bounds()),
            policy(EXPIRED, self.bounds()),
            policy(EVENTS_LOG, log(Some(self.events_age_max), self.events_bytes_max, EVENTS_SEGMENT_BYTES)),
            policy(
                CONTROL_LOG,
                log(Some(self.job_ttl + ORDERS_MARGIN), ORDERS_BYTES_MAX, ORDERS_SEGMENT_BYTES),
            ),
            policy(TOPOLOGY_LOG, log(None, NUMBERS_BYTES_MAX, ORDERS_SEGMENT_BYTES)),
            policy(LANES_LOG, log(None, LANES_BYTES_MAX, ORDERS_SEGMENT_BYTES)),
        ]
    }

    fn bounds(&self) -> Table {
        table(json!({ "max-length": self.queue_length_max, "max-length-bytes": self.queue_bytes_max }))
    }

    fn jobs(&self, queue: &'static str) -> Policy {
        let mut numbers = self.bounds();
        numbers.insert("message-ttl".into(), milliseconds(self.job_ttl).into());
        numbers.insert("delivery-limit".into(), self.delivery_limit.into());
        let consumer_timeout = table(json!({ "consumer-timeout": milliseconds(self.consumer_timeout) }));
        // "failed": what came back with its connection. What a worker hands back goes on at once. The
        // first stage alone: to the later ones a consumer comes only when their length is above zero,
        // and RabbitMQ does not count what it delays.
        let delayed_retry = match queue {
            JOBS_R0 => table(json!({
                "delayed-retry-type": "failed",
                "delayed-retry-min": CRASH_PAUSE_MILLISECONDS,
                "delayed-retry-max": CRASH_PAUSE_MILLISECONDS_MAX,
            })),
            _ => Table::new(),
        };
        let limit_over_all = limit_of_queue(queue, self.delivery_limit);
        let limit_over_all = table(json!({ "delivery-limit": limit_over_all }));
        Policy { consumer_timeout, delayed_retry, limit_over_all, ..policy(queue, numbers) }
    }

    fn ended(&self) -> Policy {
        let mut numbers = self.bounds();
        numbers.insert("delivery-limit".into(), ENDED_DELIVERY_LIMIT.into());
        // What a job brings with it is one over the limit of the last stage at most.
        let brought = limit_of(Stage::Last, self.delivery_limit).saturating_add(1);
        let limit_over_all = table(json!({ "delivery-limit": ENDED_DELIVERY_LIMIT.saturating_add(brought) }));
        Policy { limit_over_all, ..policy(JOBS_ENDED, numbers) }
    }

    /// As [`Self::ended`], of what a lane's queue gave up.
    fn lane_ended(&self) -> Policy {
        let mut numbers = self.bounds();
        numbers.insert("delivery-limit".into(), ENDED_DELIVERY_LIMIT.into());
        let brought = LANE_DELIVERY_LIMIT.saturating_add(1);
        let limit_over_all = table(json!({ "delivery-limit": ENDED_DELIVERY_LIMIT.saturating_add(brought) }));
        Policy { limit_over_all, ..policy(IN_ENDED, numbers) }
    }

    /// The numbers of the lane `default`.
    pub(super) fn lane_numbers(&self) -> LaneNumbers {
        LaneNumbers {
            length_max: self.queue_length_max,
            bytes_max: self.queue_bytes_max,
            job_ttl: self.job_ttl,
            ..LaneNumbers::default()
        }
    }

    /// One life for all in a waiting queue: messages expire at the head only, so they must expire in
    /// the order they came.
    fn wait(&self, queue: &'static str, life: Duration) -> Policy {
        let mut numbers = self.bounds();
        numbers.insert("message-ttl".into(), milliseconds(life).into());
        policy(queue, numbers)
    }
}

/// The delivery limit of a stage's queue where rejections count against it: one is owed to each stage
/// before. Without that a job would be given up for having been retried.
pub(crate) fn limit_of(stage: Stage, delivery_limit: u32) -> u32 {
    delivery_limit.saturating_add(stage.number() - 1)
}

fn limit_of_queue(queue: &str, delivery_limit: u32) -> u32 {
    Stage::of_queue(queue).map_or(delivery_limit, |stage| limit_of(stage, delivery_limit))
}

/// A stream's retention. Without an age, length alone trims it.
fn log(age_max: Option<Duration>, bytes_max: u64, segment_bytes: u64) -> Table {
    let mut numbers = table(json!({
        "max-length-bytes": bytes_max,
        "stream-max-segment-size-bytes": segment_bytes,
    }));
    if let Some(age) = age_max {
        numbers.insert("max-age".into(), format!("{}h", age.as_secs().div_ceil(3600).max(1)).into());
    }
    numbers
}

pub(super) fn policy(queue: &str, definition: Table) -> Policy {
    let name = format!("valet.{queue}");
    let (consumer_timeout, delayed_retry, limit_over_all) = Default::default();
    Policy { name, queue: queue.into(), definition, consumer_timeout, delayed_retry, limit_over_all }
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
