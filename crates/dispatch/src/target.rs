//! How many jobs should wait in front of the workers: few, or a late lane waits behind them; enough, or a worker that is
//! free finds nothing.
//!
//! Doubled when the queue was found empty although more work waited, and lowered by one when it has stood full for a
//! while. Pure: it is told what was seen.

/// Fewest that are kept waiting.
pub const TARGET_MIN: u32 = 2;

/// Most that are kept waiting; a late lane waits behind as many at the worst.
pub const TARGET_MAX: u32 = 64;

/// So many looks in a row at a queue that nobody has taken from say that it is longer than it must be.
const IDLE_LOOKS: u32 = 20;

/// The target and what was seen last.
#[derive(Debug, Clone)]
pub struct Target {
    jobs: u32,
    idle_looks: u32,
}

impl Default for Target {
    fn default() -> Self {
        Self { jobs: TARGET_MIN, idle_looks: 0 }
    }
}

impl Target {
    /// A look at the queue: `ready` jobs wait in it, and `more_waits` in the lanes. Says how many may be sent now.
    pub fn look(&mut self, ready: u32, more_waits: bool) -> u32 {
        match (ready, more_waits) {
            (0, true) => {
                self.jobs = (self.jobs * 2).min(TARGET_MAX);
                self.idle_looks = 0;
            }
            (ready, _) if ready >= self.jobs => self.idle_looks += 1,
            _ => self.idle_looks = 0,
        }
        if self.idle_looks >= IDLE_LOOKS {
            self.jobs = (self.jobs - 1).max(TARGET_MIN);
            self.idle_looks = 0;
        }
        self.jobs.saturating_sub(ready)
    }

    /// The target now.
    #[must_use]
    pub fn jobs(&self) -> u32 {
        self.jobs
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hungry_workers_raise_it_and_idle_ones_lower_it() {
        let mut target = Target::default();
        assert_eq!(target.look(0, false), TARGET_MIN, "nothing to send is no hunger");
        for expected in [4, 8, 16, 32, 64, 64] {
            assert_eq!(target.look(0, true), expected);
        }
        for _ in 0..IDLE_LOOKS {
            assert_eq!(target.look(64, true), 0);
        }
        assert_eq!(target.jobs(), 63);
    }

    #[test]
    fn a_queue_that_moves_is_left_as_it_is() {
        let mut target = Target::default();
        target.look(0, true);
        for _ in 0..10 * IDLE_LOOKS {
            target.look(4, true);
            target.look(3, true);
        }
        assert_eq!(target.jobs(), 4);
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(looks in prop::collection::vec((0_u32..200, any::<bool>()), 0..500)) {
            let mut target = Target::default();
            for (ready, more_waits) in looks {
                let room = target.look(ready, more_waits);
                prop_assert!((TARGET_MIN..=TARGET_MAX).contains(&target.jobs()));
                prop_assert!(room == 0 || ready + room == target.jobs());
            }
        }
    }
}
