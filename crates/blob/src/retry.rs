//! When a request is tried again, and after how long. Only transient failures are; never past the grant's expiry
//! or the job's deadline.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    StorageError, StorageErrorKind,
    error::{Failure, Subject},
    http::Client,
};

/// How often and how patiently transient failures are tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries of one request before its failure stands, the first one included. A read that moved on starts anew.
    pub attempts_max: u32,
    /// The first pause; each next one doubles.
    pub delay_first: Duration,
    /// No pause is longer, unless storage asks for more by Retry-After.
    pub delay_max: Duration,
    /// A longer Retry-After than this ends the tries: the job's own retry waits better than a held slot.
    pub retry_after_max: Duration,
}

impl Default for RetryPolicy {
    /// 8 tries, 250 ms doubling to 16 s (half a minute at most in all), Retry-After up to 60 s.
    fn default() -> Self {
        Self {
            attempts_max: 8,
            delay_first: Duration::from_millis(250),
            delay_max: Duration::from_secs(16),
            retry_after_max: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// The pause after the failed try number `attempt` (from 1); `None` when it was the last.
    ///
    /// `jitter` in 0..1 spreads the pause over its upper half, so that workers do not come back all at once.
    fn delay(&self, attempt: u32, retry_after: Option<Duration>, jitter: f64) -> Option<Duration> {
        if attempt >= self.attempts_max {
            return None;
        }
        let doubled = self.delay_first.saturating_mul(1 << attempt.saturating_sub(1).min(20));
        let full = doubled.min(self.delay_max);
        let own = full.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
        match retry_after {
            Some(asked) if asked > self.retry_after_max => None,
            Some(asked) => Some(asked.max(own)),
            None => Some(own),
        }
    }
}

/// The tries of one request.
#[derive(Debug)]
pub(crate) struct Tries<'a> {
    client: &'a Client,
    subject: &'a Subject,
    deadline: Option<Timestamp>,
    attempt: u32,
}

impl<'a> Tries<'a> {
    pub(crate) fn new(client: &'a Client, subject: &'a Subject, deadline: Option<Timestamp>) -> Self {
        Self { client, subject, deadline, attempt: 1 }
    }

    /// Refuses a request that would start too late.
    pub(crate) fn check_time(&self) -> Result<(), StorageError> {
        let now = self.client.now();
        self.subject.check_expiry(now)?;
        match self.deadline {
            Some(deadline) if now >= deadline => Err(self.subject.error(StorageErrorKind::Timeout)),
            _ => Ok(()),
        }
    }

    /// The request got something done: its tries count from the start again.
    pub(crate) fn forget(&mut self) {
        self.attempt = 1;
    }

    /// Waits until the request may be made again; gives the failure back if it may not.
    pub(crate) async fn pause_after(&mut self, failure: Failure) -> Result<(), StorageError> {
        let Failure { error, retry_after, .. } = failure;
        if !error.kind.is_worth_a_pause() {
            return Err(*error);
        }
        let Some(delay) = self.client.retry().delay(self.attempt, retry_after, fastrand::f64()) else {
            return Err(*error);
        };
        if !self.leaves_time(delay) {
            return Err(*error);
        }
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(attempt = self.attempt, delay_ms, "trying again: {error}");
        self.attempt += 1;
        self.client.sleep(delay).await;
        Ok(())
    }

    /// Whether the grant and the deadline still stand after `delay`.
    fn leaves_time(&self, delay: Duration) -> bool {
        let end = self.deadline.map_or(self.subject.expiry(), |deadline| deadline.min(self.subject.expiry()));
        // A time out of range is after every end.
        self.client.now().checked_add(delay).is_ok_and(|then| then < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(policy: &RetryPolicy, attempt: u32, jitter: f64) -> Option<u128> {
        policy.delay(attempt, None, jitter).map(|delay| delay.as_millis())
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_end() {
        let policy = RetryPolicy::default();
        let pauses: Vec<_> = (1..=8).map(|attempt| milliseconds(&policy, attempt, 1.0)).collect();
        let expected = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000].map(Some);
        assert_eq!(pauses[..7], expected);
        assert_eq!(pauses[7], None);
        assert_eq!(milliseconds(&policy, 3, 0.0), Some(500), "half of it at least");
    }

    #[test]
    fn retry_after_is_honoured_up_to_a_limit() {
        let policy = RetryPolicy::default();
        let asked = |seconds| policy.delay(1, Some(Duration::from_secs(seconds)), 0.0);
        assert_eq!(asked(60), Some(Duration::from_secs(60)));
        assert_eq!(asked(61), None);
        assert_eq!(asked(0), Some(Duration::from_millis(125)), "never without a pause of our own");
    }
}
