//! Who waits for storage at this moment, and since when. It only looks on: it ends nothing.
//!
//! A reader that is not asked waits for nothing, whatever its fetches do: a codec that stands still by itself must
//! not look as if storage did.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The cursors of one reader that wait for bytes. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Waits(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    /// Counts waits; tells which began first.
    last: u64,
    since: BTreeMap<u64, Instant>,
}

impl Waits {
    /// A cursor wants bytes from `now` on, and waits for them until what this returns is dropped.
    pub(super) fn begin(&self, now: Instant) -> Wait {
        let mut waiting = self.waiting();
        waiting.last += 1;
        let number = waiting.last;
        waiting.since.insert(number, now);
        Wait { waits: self.clone(), number }
    }

    /// How long the cursor has waited that waits for the longest time; none when nobody waits.
    pub(super) fn longest(&self, now: Instant) -> Option<Duration> {
        let waiting = self.waiting();
        let (_, since) = waiting.since.first_key_value()?;
        Some(now.saturating_duration_since(*since))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One cursor's wait for one piece. It ends when the piece is handed over, and when nobody wants it any more.
#[derive(Debug)]
pub(super) struct Wait {
    waits: Waits,
    number: u64,
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.waits.waiting().since.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_counts_as_long_as_it_lasts() {
        let (waits, start) = (Waits::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(waits.longest(at(0)), None, "nobody waits");
        let first = waits.begin(at(1));
        let second = waits.begin(at(3));
        assert_eq!(waits.longest(at(10)), Some(Duration::from_secs(9)));
        drop(first);
        assert_eq!(waits.longest(at(10)), Some(Duration::from_secs(7)));
        drop(second);
        assert_eq!(waits.longest(at(10)), None);
    }
}
