//! The time that retries and grant expiry are judged by. Tests bring a clock of their own; nothing else in this
//! crate may ask the system for the time or sleep.

use std::{fmt, time::Duration};

use futures::future::BoxFuture;
use jiff::Timestamp;

/// A clock and a way to wait.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
    /// Ends after `duration` of this clock's time.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The machine's clock and tokio's timer.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
