//! The broker's version, and what Valet does differently because of it.
//!
//! One place for every "from version X on". Must never be asked by code that could look at the
//! effect instead: a lost lease shows by its signs, whatever the version.

use std::fmt;

/// `major.minor.patch` of RabbitMQ. What follows (`-rc.1`, `+build`) is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerVersion {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number; 0 if it is left out.
    pub patch: u32,
}

/// The oldest version that Valet is tested with.
pub(crate) const OLDEST: BrokerVersion = BrokerVersion::new(3, 10, 0);

/// How a quorum queue counts the returns of a job that came to it by dead-lettering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Each queue counts anew (before 4.0).
    Anew,
    /// Each queue counts anew, and its delivery limit is by that count; but what a worker is shown the
    /// first time is the sum of all rejections and losses so far. The first hand-over looks like a
    /// later one (4.0 to 4.2).
    Blurred,
    /// Rejections and losses are counted over all queues, also against the delivery limit (4.3).
    Carried,
}

/// What a version of RabbitMQ offers to quorum queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// A policy may set the consumer timeout of a queue (3.12). Before, the node's own holds.
    pub consumer_timeout_policy: bool,
    /// A queue without a delivery limit has one of 20 (4.0). Valet always sets its own.
    pub delivery_limit_default: bool,
    /// A nack with requeue does not count against the delivery limit (4.3).
    pub free_nack: bool,
    /// The consumer timeout ends the consumer instead of closing the channel (4.3).
    pub timeout_by_cancel: bool,
    /// A policy may delay what comes back from a crash (4.3.1; 4.3.0 knows it as an argument only).
    pub delayed_retry_policy: bool,
    /// How often a job came back.
    pub counting: Counting,
}

impl BrokerVersion {
    /// A version.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Reads `3.10.8`, `4.3.0-rc.1` or `4.1`; none if it does not begin with two numbers.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.split(['-', '+', '~']).next()?;
        let mut numbers = plain.trim().split('.').map(str::parse::<u32>);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some(Self { major, minor, patch: numbers.next().and_then(Result::ok).unwrap_or(0) })
    }

    /// What it offers.
    pub fn capabilities(self) -> Capabilities {
        let from = |major, minor, patch| self >= Self::new(major, minor, patch);
        Capabilities {
            consumer_timeout_policy: from(3, 12, 0),
            delivery_limit_default: from(4, 0, 0),
            free_nack: from(4, 3, 0),
            timeout_by_cancel: from(4, 3, 0),
            delayed_retry_policy: from(4, 3, 1),
            counting: match (from(4, 0, 0), from(4, 3, 0)) {
                (_, true) => Counting::Carried,
                (true, false) => Counting::Blurred,
                (false, false) => Counting::Anew,
            },
        }
    }
}

impl fmt::Display for BrokerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_ordered_by_number() {
        let read = |text| BrokerVersion::parse(text).unwrap();
        assert_eq!(read("3.10.8"), BrokerVersion::new(3, 10, 8));
        assert_eq!(read("4.3.0-rc.1"), BrokerVersion::new(4, 3, 0));
        assert_eq!(read("4.1"), BrokerVersion::new(4, 1, 0));
        assert!(read("3.9.30") < read("3.10.0") && read("3.13.7") < read("4.0.3"));
        assert_eq!((BrokerVersion::parse("four"), BrokerVersion::parse("")), (None, None));
    }

    #[test]
    fn each_capability_begins_where_rabbitmq_has_it() {
        let of = |text| BrokerVersion::parse(text).unwrap().capabilities();
        assert!(!of("3.11.28").consumer_timeout_policy && of("3.12.0").consumer_timeout_policy);
        assert!(!of("3.13.7").delivery_limit_default && of("4.0.0").delivery_limit_default);
        assert!(!of("4.2.9").timeout_by_cancel && of("4.3.0").timeout_by_cancel && of("4.3.0").free_nack);
        assert!(!of("4.3.0").delayed_retry_policy && of("4.3.1").delayed_retry_policy);
        assert_eq!([of("3.13.7"), of("4.0.0")].map(|of| of.counting), [Counting::Anew, Counting::Blurred]);
        assert_eq!([of("4.2.9"), of("4.3.0")].map(|of| of.counting), [Counting::Blurred, Counting::Carried]);
    }
}
