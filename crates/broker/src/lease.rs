//! Do we still hold the job?
//!
//! The broker takes an unsettled job back when its connection or channel dies, and when it has been
//! held for longer than the consumer timeout (406 up to RabbitMQ 4.2, which closes the channel).
//! Another worker then starts it while we still work. Neither is announced to the delivery itself,
//! so a lease watches the connection and looks at the acker, which lapin poisons.

use crate::link::Link;
use lapin::Acker;
use std::{fmt, time::Duration};
use tokio::time::interval;

/// How often the acker is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Watches whether we still hold the job. Clone it into the work.
///
/// RabbitMQ 4.3 can take a job back without any sign that AMQP 0-9-1 shows to us (a late ack is
/// ignored): there the job's wall limit must be below the queue's consumer timeout, and the
/// create-only output is the fence.
#[derive(Clone)]
pub struct Lease {
    pub(crate) link: Link,
    pub(crate) generation: u64,
    pub(crate) acker: Acker,
}

/// Why a job is no longer ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseLoss {
    /// How it showed.
    pub cause: String,
}

impl Lease {
    /// Have we lost it, as far as we know now?
    pub fn is_lost(&self) -> bool {
        self.acker.poisoned() || !self.link.is_up(self.generation)
    }

    /// Waits until it is lost, and never resolves otherwise. Then stop the work, store nothing and
    /// report nothing: another worker has the job.
    pub async fn lost(&self) -> LeaseLoss {
        let mut look = interval(LOOK);
        loop {
            tokio::select! {
                () = self.link.lost(self.generation) => return loss("the connection to the broker was lost"),
                _ = look.tick() => if self.acker.poisoned() {
                    return loss("the broker closed the channel");
                },
            }
        }
    }
}

pub(crate) fn loss(cause: impl Into<String>) -> LeaseLoss {
    LeaseLoss { cause: cause.into() }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("lost", &self.is_lost()).finish()
    }
}
