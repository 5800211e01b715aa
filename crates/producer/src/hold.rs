//! How long the broker lets a worker hold a job. A job that may run longer is given to a second worker while the
//! first still runs, so such jobs are refused before they are enqueued, with the setting to change.
//! Must never guess in favour of a job: what is not known counts as the broker's default.

use std::collections::BTreeMap;

use valet_broker::{BrokerVersion, Session};

/// What a job needs besides its wall limit: opening, checking, storing, and the broker's own clock, which looks
/// once a minute.
pub const MARGIN_SECONDS: u32 = 300;

/// The limit, and where it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldLimit {
    /// How long a worker may hold a job.
    pub seconds: u64,
    /// The broker's version, if known.
    pub version: Option<BrokerVersion>,
}

impl HoldLimit {
    /// The limit of this session's broker; its default where nobody has declared the numbers.
    pub fn of(session: &Session) -> Self {
        let numbers = session.numbers().unwrap_or_default();
        Self { seconds: numbers.consumer_timeout_seconds, version: numbers.version() }
    }

    /// The longest wall limit that fits, in seconds.
    pub fn wall_seconds_max(&self) -> u64 {
        self.seconds.saturating_sub(u64::from(MARGIN_SECONDS))
    }

    /// Whether a job with this wall limit fits.
    pub fn fits(&self, wall_seconds: u32) -> bool {
        u64::from(wall_seconds) <= self.wall_seconds_max()
    }

    /// What to change so that a job with this wall limit fits.
    pub fn advice(&self, wall_seconds: u32) -> String {
        let needed = u64::from(wall_seconds) + u64::from(MARGIN_SECONDS);
        let shorter = format!("or --wall {}s", self.wall_seconds_max());
        match self.is_set_by_queue() {
            Some(true) => format!("`valet topology declare --consumer-timeout {needed}s`, {shorter}"),
            Some(false) => format!(
                "RabbitMQ before 3.12 has one limit a node: consumer_timeout = {} in rabbitmq.conf, a restart, and \
                 `valet topology declare --node-consumer-timeout {needed}s`; {shorter}",
                needed * 1_000
            ),
            None => format!(
                "`valet topology declare --consumer-timeout {needed}s` (before RabbitMQ 3.12: consumer_timeout = {} \
                 in rabbitmq.conf, and --node-consumer-timeout {needed}s), {shorter}",
                needed * 1_000
            ),
        }
    }

    /// Whether this broker takes the limit a queue (from 3.12 on); none if its version is not known.
    pub fn is_set_by_queue(&self) -> Option<bool> {
        self.version.map(|version| version.capabilities().consumer_timeout_policy)
    }
}

/// Every preset's usual wall limit: `(name@version, seconds)`, in the order of the names.
pub fn usual_walls() -> BTreeMap<String, u32> {
    let infos = valet_preset::catalogue().iter().map(|preset| preset.info());
    infos.map(|info| (format!("{}@{}", info.name, info.version), info.wall_seconds_default)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(seconds: u64, version: &str) -> HoldLimit {
        HoldLimit { seconds, version: BrokerVersion::parse(version) }
    }

    #[test]
    fn a_job_fits_with_its_margin() {
        let limit = limit(1_800, "3.10.8");
        assert!(limit.fits(1_500) && !limit.fits(1_501));
    }

    #[test]
    fn the_advice_names_the_setting_of_the_version() {
        assert!(limit(1_800, "3.10.8").advice(3_600).contains("consumer_timeout = 3900000 in rabbitmq.conf"));
        let queue = limit(1_800, "4.0.5").advice(3_600);
        assert!(queue.contains("--consumer-timeout 3900s") && !queue.contains("rabbitmq.conf"), "{queue}");
        assert!(limit(1_800, "").advice(3_600).contains("rabbitmq.conf"));
    }
}
