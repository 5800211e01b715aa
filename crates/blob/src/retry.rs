//! When a request is tried again, and after how long. Only transient failures are; never past the grant's expiry
//! or the job's deadline.

use std::time::Duration;

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
    /// 8 tries, 250 ms doubling to 16 s (about half a minute in all), Retry-After up to 60 s.
    fn default() -> Self {
        Self {
            attempts_max: 8,
            delay_first: Duration::from_millis(250),
            delay_max: Duration::from_secs(16),
            retry_after_max: Duration::from_secs(60),
        }
    }
}
