//! A ceiling on starts in a minute: each start is due one interval after the one before, and may come a second early,
//! so that a look that comes late loses nothing.

use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// How much earlier than it is due a start may come.
const EARLY_MAX: Duration = Duration::from_secs(1);

/// Paces starts.
#[derive(Debug, Clone)]
pub struct Bucket {
    interval: Duration,
    /// How much earlier than it is due a start may come.
    early_max: Duration,
    /// When the next start is due.
    due: Instant,
}

impl Bucket {
    /// Nothing has started yet.
    #[must_use]
    pub fn new(per_minute: u32, now: Instant) -> Self {
        Self::with_burst(per_minute, EARLY_MAX, now)
    }

    /// One in which starts may come earlier than they are due: a burst of what `early_max` holds.
    #[must_use]
    pub fn with_burst(per_minute: u32, early_max: Duration, now: Instant) -> Self {
        Self { interval: interval(per_minute), early_max, due: now }
    }

    /// The same with another ceiling; what was used stays used.
    pub fn set(&mut self, per_minute: u32) {
        self.interval = interval(per_minute);
    }

    /// Whether one more may start now.
    #[must_use]
    pub fn has(&self, now: Instant) -> bool {
        self.due.saturating_duration_since(now) <= self.early_max
    }

    /// One has started.
    pub fn take(&mut self, now: Instant) {
        self.due = self.due.max(now) + self.interval;
    }
}

fn interval(per_minute: u32) -> Duration {
    MINUTE / per_minute.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts within `seconds`, tried ten times a second.
    fn starts(bucket: &mut Bucket, from: Instant, seconds: u64) -> u32 {
        let mut started = 0;
        for tenth in 0..seconds * 10 {
            let now = from + Duration::from_millis(tenth * 100);
            while bucket.has(now) {
                bucket.take(now);
                started += 1;
            }
        }
        started
    }

    #[test]
    fn a_minute_has_its_ceiling_and_a_seconds_worth_more_at_most() {
        let now = Instant::now();
        for (per_minute, most) in [(1, 2), (6, 7), (60, 62), (600, 611)] {
            let started = starts(&mut Bucket::new(per_minute, now), now, 60);
            assert!((per_minute..=most).contains(&started), "{per_minute}: {started}");
        }
    }

    #[test]
    fn a_new_ceiling_gives_nothing_back_that_was_used() {
        let now = Instant::now();
        let mut bucket = Bucket::new(60, now);
        bucket.take(now);
        bucket.take(now);
        bucket.set(600);
        assert!(!bucket.has(now), "two seconds are used");
        assert!(bucket.has(now + Duration::from_secs(1)));
    }
}
