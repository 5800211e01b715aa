//! On which terms the broker lends jobs: how long one may be held, how long it waits before it comes again. As the
//! topology was declared; without a word of that, as an old declaration or RabbitMQ itself would have it.

use std::time::Duration;

use valet_broker::{Numbers, NumbersWatch};

/// Time beyond the codec's wall limit for all else of an attempt: waiting its turn, open, check, store.
pub const HOLD_SLACK: Duration = Duration::from_secs(240);

/// The consumer timeout must be longer than the wall limit by this much: the slack, and a minute for the last report
/// and the answer to the broker.
pub const TIMEOUT_SLACK: Duration = Duration::from_secs(300);

/// Part of its delay by which a job is spread, so that what failed together does not come back together.
const JITTER_SHARE: f64 = 0.1;

/// No job is spread by more.
const JITTER_MAX: Duration = Duration::from_secs(10);

/// What the broker was declared to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Longest that a job may be held unsettled.
    pub consumer_timeout: Duration,
    /// Waits before the second and the last stage, in seconds.
    pub delays_seconds: [u32; 2],
    /// Hand-backs that a job survives in one stage; none when they do not count.
    pub hand_backs_max: Option<u32>,
    /// How the consumer timeout is changed on this broker.
    pub lever: Lever,
}

/// Where the consumer timeout is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lever {
    /// By the topology: RabbitMQ 3.12 and later.
    Topology,
    /// By the node's own configuration: before 3.12.
    Node,
}

/// The terms as they are at any moment: what is declared while the worker runs holds for it, too. Clones are the same.
#[derive(Debug, Clone)]
pub struct TermsWatch(NumbersWatch);

impl TermsWatch {
    /// The terms behind a session's numbers.
    #[must_use]
    pub fn new(numbers: NumbersWatch) -> Self {
        Self(numbers)
    }

    /// The terms as they were read last.
    #[must_use]
    pub fn now(&self) -> Terms {
        Terms::of(&self.0.now())
    }

    /// The terms as they are declared by now: asks the broker.
    pub async fn read_again(&self) -> Terms {
        Terms::of(&self.0.read_again().await)
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self::of(&Numbers::default())
    }
}

impl Terms {
    /// The terms behind declared numbers.
    #[must_use]
    pub fn of(numbers: &Numbers) -> Self {
        let can = numbers.version().map(valet_broker::BrokerVersion::capabilities);
        let by_policy = can.is_none_or(|can| can.consumer_timeout_policy);
        let counts = can.is_none_or(|can| !can.free_nack);
        let delays = [numbers.retry_1_seconds, numbers.retry_2_seconds];
        Self {
            consumer_timeout: numbers.consumer_timeout(),
            delays_seconds: delays.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX)),
            hand_backs_max: counts.then_some(numbers.delivery_limit),
            lever: if by_policy { Lever::Topology } else { Lever::Node },
        }
    }

    /// Whether a job that came back so often in its stage may be handed back once more. A count that the broker does
    /// not tell is 0: in a later stage the broker does over its limit what the worker would do, too.
    #[must_use]
    pub fn may_hand_back(&self, delivery_count: u64) -> bool {
        self.hand_backs_max.is_none_or(|max| delivery_count < u64::from(max))
    }

    /// How long a job of this stage (from 1) waits for its turn, beyond the delay that lies behind it; `random` in 0..1.
    #[must_use]
    pub fn jitter(&self, stage: u32, random: f64) -> Duration {
        let behind = stage.checked_sub(2).and_then(|stage| usize::try_from(stage).ok());
        let delay_seconds =
            behind.and_then(|stage| self.delays_seconds.get(stage)).copied().unwrap_or_default();
        let share = Duration::from_secs(delay_seconds.into()).mul_f64(JITTER_SHARE * random.clamp(0.0, 1.0));
        share.min(JITTER_MAX)
    }

    /// The longest wall limit that fits, in seconds.
    #[must_use]
    pub fn wall_seconds_max(&self) -> u32 {
        let fitting = self.consumer_timeout.saturating_sub(TIMEOUT_SLACK).as_secs();
        u32::try_from(fitting).unwrap_or(u32::MAX)
    }

    /// Whether a job with this wall limit can be done before the broker takes it back; what to change if not.
    ///
    /// # Errors
    /// The exact setting, in words.
    pub fn require_fit(&self, wall: Duration) -> Result<(), String> {
        if wall.saturating_add(TIMEOUT_SLACK) <= self.consumer_timeout {
            return Ok(());
        }
        let needed = wall.saturating_add(TIMEOUT_SLACK).as_secs();
        let fitting = self.wall_seconds_max();
        let raise = match self.lever {
            Lever::Topology => format!("run `valet topology declare --consumer-timeout {needed}s` again"),
            Lever::Node => format!(
                "set consumer_timeout = {} in the node's rabbitmq.conf and tell it by `valet topology declare \
                 --node-consumer-timeout {needed}s`",
                needed.saturating_mul(1_000)
            ),
        };
        Err(match fitting {
            0 => raise,
            fitting => format!("{raise}, or set worker.wall_seconds_max to {fitting} or less"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_longest_wall_limit_fits_and_a_second_more_does_not() {
        let wall = seconds(Terms::default().wall_seconds_max().into());
        assert_eq!(Terms::default().require_fit(wall), Ok(()));
        let advice = Terms::default().require_fit(wall + seconds(1)).unwrap_err();
        assert!(advice.contains("--consumer-timeout 1801s"), "{advice}");
        assert!(advice.contains("worker.wall_seconds_max to 1500"), "{advice}");
    }

    #[test]
    fn later_stages_are_spread_by_a_tenth_of_their_delay_and_ten_seconds_at_most() {
        let terms = Terms { delays_seconds: [30, 300], ..Terms::default() };
        assert_eq!(terms.jitter(1, 0.9), Duration::ZERO);
        assert_eq!(terms.jitter(2, 0.5), Duration::from_millis(1_500));
        assert_eq!(terms.jitter(3, 0.9), JITTER_MAX);
        assert_eq!(terms.jitter(3, 0.0), Duration::ZERO);
    }

    #[test]
    fn hand_backs_count_where_the_broker_counts_them() {
        let on = |version: &str| {
            Terms::of(&Numbers { broker_version: version.into(), delivery_limit: 3, ..Numbers::default() })
        };
        assert!(
            on("4.2.0").may_hand_back(2) && !on("4.2.0").may_hand_back(3),
            "the fourth would be too much"
        );
        assert!(on("4.3.0").may_hand_back(1_000));
        assert!(!on("").may_hand_back(3), "who knows");
    }

    #[test]
    fn an_old_broker_is_changed_by_its_own_file() {
        let terms = Terms { lever: Lever::Node, consumer_timeout: seconds(60), ..Terms::default() };
        let advice = terms.require_fit(seconds(10)).unwrap_err();
        assert!(advice.contains("consumer_timeout = 310000 in the node's rabbitmq.conf"), "{advice}");
        assert!(!advice.contains("wall_seconds_max"), "none would fit: {advice}");
    }
}
