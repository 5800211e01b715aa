//! Waiting times between attempts: exponential, capped, with jitter.

use std::time::Duration;

/// First wait. Short, as most losses are a broker's quick restart or a dropped TCP connection.
const FIRST: Duration = Duration::from_millis(200);
/// Longest wait: a killed worker's job must run elsewhere within 30 s, so a client must be back in less.
const LONGEST: Duration = Duration::from_secs(15);

/// Counts attempts and says how long to wait before the next.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempt: u32,
}

impl Backoff {
    /// The next wait: half fixed, half random, so that a fleet does not return in step.
    pub(crate) fn next_wait(&mut self) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.attempt.min(16)).min(LONGEST);
        self.attempt = self.attempt.saturating_add(1);
        whole.mul_f64(0.5 + 0.5 * fastrand::f64())
    }

    /// Attempts made so far.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_stay_jittered() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..40).map(|_| backoff.next_wait()).collect();
        assert!(waits[0] >= FIRST / 2 && waits[0] <= FIRST, "{:?}", waits[0]);
        assert!(waits[20..].iter().all(|wait| *wait >= LONGEST / 2 && *wait <= LONGEST));
        assert!(waits[20..].iter().any(|wait| *wait != waits[20]), "no jitter: {waits:?}");
    }
}
