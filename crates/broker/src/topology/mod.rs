//! The whole topology as one value.

pub mod names;

use std::time::Duration;

/// The numbers an operator may choose. Every other property is fixed.
#[derive(Clone, Debug)]
pub struct TopologyOptions {
    /// Wait before attempt 2.
    pub retry_1: Duration,
    /// Wait before attempt 3.
    pub retry_2: Duration,
    /// Longest stay in a jobs queue: the longest life of a grant.
    pub job_ttl: Duration,
    /// Messages that each jobs queue takes before it refuses more.
    pub queue_length_max: u64,
    /// Bytes that each jobs queue takes before it refuses more.
    pub queue_bytes_max: u64,
    /// Crashes within one stage before a job goes on (`jobs.r0`: to `dead`).
    pub delivery_limit: u32,
    /// How long reports are kept.
    pub events_age_max: Duration,
    /// Bytes of reports that are kept.
    pub events_bytes_max: u64,
    /// Longest time a worker may hold a job (RabbitMQ 3.12 and later).
    pub consumer_timeout: Duration,
}

impl Default for TopologyOptions {
    fn default() -> Self {
        Self {
            retry_1: Duration::from_secs(30),
            retry_2: Duration::from_secs(300),
            job_ttl: Duration::from_secs(24 * 3600),
            queue_length_max: 200_000,
            queue_bytes_max: 1 << 30,
            delivery_limit: 3,
            events_age_max: Duration::from_secs(7 * 24 * 3600),
            events_bytes_max: 4 << 30,
            consumer_timeout: Duration::from_secs(4 * 3600),
        }
    }
}

/// Exchanges, queues, bindings, policies and rights, as data.
#[derive(Clone, Debug)]
pub struct Topology;

impl Topology {
    /// Valet's topology with these numbers.
    pub fn standard(options: &TopologyOptions) -> Self {
        let _ = options;
        todo!()
    }
}
