//! Pauses between tries of what did not answer and may answer later: each one doubles, up to a limit.
//! Must never wait itself: who tries again has other things to do meanwhile.

use std::time::Duration;

/// The first pause.
const FIRST: Duration = Duration::from_secs(1);
/// The longest one: who came back should not be kept waiting for long.
const LONGEST: Duration = Duration::from_secs(30);
/// So many failures in a row, and a command that ends may end: its storage was asked for half a minute at least,
/// several times each (see `storage::client`).
const ENOUGH: u32 = 4;

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    failures: u32,
}

impl Pauses {
    /// Notes a failure; how long to wait before the next try.
    pub(crate) fn fail(&mut self) -> Duration {
        let pause = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        pause
    }

    /// Whether failures have begun.
    pub(crate) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// Whether another try has little hope.
    pub(crate) fn are_enough(&self) -> bool {
        self.failures >= ENOUGH
    }

    /// It answered.
    pub(crate) fn succeed(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_until_an_answer_comes() {
        let mut pauses = Pauses::default();
        let seconds: Vec<u64> = (0..7).map(|_| pauses.fail().as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        assert!(pauses.are_enough());
        pauses.succeed();
        assert!(!pauses.is_failing() && !pauses.are_enough());
        assert_eq!((pauses.fail(), pauses.are_enough()), (FIRST, false));
    }
}
