//! One slot's source of jobs.

use crate::Delivery;
use std::time::Duration;

/// How a slot is fed.
#[derive(Clone, Debug)]
pub struct FeedOptions {
    /// Written into dead letters (header `valet-worker`).
    pub worker: String,
    /// At most this often the retry stages are looked at.
    pub retry_poll: Duration,
}

impl FeedOptions {
    /// Defaults (retry stages each second) for the worker of this name.
    pub fn new(worker: impl Into<String>) -> Self {
        Self { worker: worker.into(), retry_poll: Duration::from_secs(1) }
    }
}

/// One slot's source of jobs. At most one unsettled [`Delivery`] exists per feed.
#[derive(Debug)]
pub struct Feed;

impl Feed {
    /// The next job; waits for as long as it takes, over reconnects. `None` once the session is
    /// closed. Cancel-safe: a job that arrived while nobody waited is given to the next call.
    pub async fn next(&mut self) -> Option<Delivery> {
        todo!()
    }

    /// Stops taking jobs and hands back one that arrived but was not yet given out. A delivery in
    /// hand stays valid and must still be settled.
    pub async fn close(self) {
        todo!()
    }
}
