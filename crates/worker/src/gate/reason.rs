//! Why no job is taken: each reason with its name and its words for people. It decides nothing.

/// Why no job is taken at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The worker is not set up yet.
    Starting,
    /// It was told to stop.
    Draining,
    /// The machine that it runs on is about to go.
    Evicted,
    /// There is no connection to the broker.
    BrokerAway,
    /// The broker is short of memory or disk, and takes no reports.
    BrokerBlocked,
    /// There is no room for the files of one more job.
    ScratchFull,
    /// Storage does not answer, or answers that it cannot.
    StorageDead,
}

impl Reason {
    /// Every reason, in the order in which they are told.
    pub const ALL: [Self; 7] = [
        Self::Starting,
        Self::Draining,
        Self::Evicted,
        Self::BrokerAway,
        Self::BrokerBlocked,
        Self::ScratchFull,
        Self::StorageDead,
    ];

    /// Its name in readiness, metrics and logs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Draining => "draining",
            Self::Evicted => "evicted",
            Self::BrokerAway => "broker-away",
            Self::BrokerBlocked => "broker-blocked",
            Self::ScratchFull => "scratch-full",
            Self::StorageDead => "storage-dead",
        }
    }

    /// What to do about it, where there is something to do and nobody else has said it.
    #[must_use]
    pub fn advice(self) -> Option<&'static str> {
        match self {
            // Whoever starts, stops or loses a connection says so in its own words.
            Self::Starting | Self::Draining | Self::Evicted | Self::BrokerAway => None,
            Self::BrokerBlocked => {
                Some("no job is taken: the broker takes no reports; free its memory or its disk")
            }
            Self::ScratchFull => Some("no job is taken: scratch has no room; free or enlarge its disk"),
            Self::StorageDead => Some("no job is taken: storage does not work; it is tried again and again"),
        }
    }
}
