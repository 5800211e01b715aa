//! How long one job may be held in all: what its codec may take, and 240 s for the rest. Transfers end a little
//! before, so that what was slow can say so itself.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::cause::Cause;
use crate::terms::HOLD_SLACK;

/// Transfers end this long before the hold does: time to tell it.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// The time that one attempt has.
#[derive(Debug, Clone, Copy)]
pub struct Hold {
    wall: Duration,
    started: Instant,
    transfers_until: Timestamp,
}

impl Hold {
    /// From `started` on, for a job whose codec may run for `wall`.
    #[must_use]
    pub fn new(started: Instant, wall: Duration) -> Self {
        let left = (wall + HOLD_SLACK - LAST_WORDS).saturating_sub(started.elapsed());
        // A time out of range is no end at all.
        let transfers_until = Timestamp::now().checked_add(left).unwrap_or(Timestamp::MAX);
        Self { wall, started, transfers_until }
    }

    /// When every transfer must have ended.
    #[must_use]
    pub fn transfers_until(&self) -> Timestamp {
        self.transfers_until
    }

    /// Does `work` for as long as the job may be held; then drops it.
    ///
    /// # Errors
    /// The work's own, or [`Cause::HeldTooLong`].
    pub async fn within<T>(&self, work: impl Future<Output = Result<T, Cause>>) -> Result<T, Cause> {
        let held = self.wall + HOLD_SLACK;
        let left = held.saturating_sub(self.started.elapsed());
        let ended = tokio::time::timeout(left, work).await;
        ended.unwrap_or(Err(Cause::HeldTooLong { held, wall: self.wall }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_takes_longer_than_wall_and_slack_is_dropped() {
        let nearly = HOLD_SLACK - Duration::from_millis(20);
        let started = Instant::now().checked_sub(nearly).expect("the machine runs for some minutes");
        let hold = Hold::new(started, Duration::ZERO);
        assert!(hold.within(async { Ok(()) }).await.is_ok());
        let ended = hold.within(std::future::pending::<Result<(), Cause>>()).await;
        assert!(matches!(ended, Err(Cause::HeldTooLong { .. })), "{ended:?}");
        assert!(hold.transfers_until() <= Timestamp::now(), "transfers end before");
    }
}
