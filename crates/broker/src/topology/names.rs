//! Every name on the broker, once.

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

/// What to run when the topology is not as it should be.
pub const REMEDY: &str = "`valet topology declare`";

/// First word of the routing key of a mark, which is no report: `mark.<uuid>`. A reader of [`EVENTS_LOG`] publishes
/// one and knows, when it comes back, that it has read all that was there before.
pub const MARK: &str = "mark";

/// Last word of a report's routing key: what workers may say.
pub const WORKER_WORDS: [&str; 9] =
    ["accepted", "started", "progress", "succeeded", "failed", "retrying", "expired", "dead", "cancelled"];

/// Last word of a report's routing key: what producers may say, of jobs that are in no worker's hands.
pub const PRODUCER_WORDS: [&str; 5] = ["submitted", "reminted", "expired", "dead", "cancelled"];
