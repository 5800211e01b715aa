//! The numbers an operator may choose, and the policies that carry them.

use super::{Policy, Table, names::*, table};
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
    /// that it is handed out 4 times.
    pub delivery_limit: u32,
    /// How long reports are kept. Whole hours.
    pub events_age_max: Duration,
    /// Bytes of reports that are kept.
    pub events_bytes_max: u64,
    /// Longest time a worker may hold a job. Set from RabbitMQ 3.12 on; before, the node's own
    /// `consumer_timeout` (30 min by default) holds.
    pub consumer_timeout: Duration,
}

/// The stream's files: retention removes whole ones only, so they must be small next to the limit.
const EVENTS_SEGMENT_BYTES: u64 = 64 << 20;

impl Default for TopologyOptions {
    fn default() -> Self {
        Self {
            retry_1: Duration::from_secs(30),
            retry_2: Duration::from_secs(300),
            job_ttl: Duration::from_secs(24 * 3600),
            queue_length_max: 200_000,
            queue_bytes_max: 2 << 30,
            delivery_limit: 3,
            events_age_max: Duration::from_secs(7 * 24 * 3600),
            events_bytes_max: 4 << 30,
            consumer_timeout: Duration::from_secs(4 * 3600),
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
            policy(DEAD, self.bounds()),
            policy(EXPIRED, self.bounds()),
            policy(EVENTS_LOG, self.events()),
        ]
    }

    fn bounds(&self) -> Table {
        table(json!({ "max-length": self.queue_length_max, "max-length-bytes": self.queue_bytes_max }))
    }

    fn jobs(&self, queue: &'static str) -> Policy {
        let mut numbers = self.bounds();
        numbers.insert("message-ttl".into(), milliseconds(self.job_ttl).into());
        numbers.insert("delivery-limit".into(), self.delivery_limit.into());
        let later = table(json!({ "consumer-timeout": milliseconds(self.consumer_timeout) }));
        Policy { definition_from_3_12: later, ..policy(queue, numbers) }
    }

    /// One life for all in a waiting queue: messages expire at the head only, so they must expire in
    /// the order they came.
    fn wait(&self, queue: &'static str, life: Duration) -> Policy {
        let mut numbers = self.bounds();
        numbers.insert("message-ttl".into(), milliseconds(life).into());
        policy(queue, numbers)
    }

    fn events(&self) -> Table {
        table(json!({
            "max-age": format!("{}h", (self.events_age_max.as_secs() / 3600).max(1)),
            "max-length-bytes": self.events_bytes_max,
            "stream-max-segment-size-bytes": EVENTS_SEGMENT_BYTES,
        }))
    }
}

fn policy(queue: &'static str, definition: Table) -> Policy {
    Policy { name: format!("valet.{queue}"), queue, definition, definition_from_3_12: Table::new() }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
