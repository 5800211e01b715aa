//! One hand-over of a job, which must be settled exactly once.

use crate::{Disposition, SettleError, Settled};
use jiff::Timestamp;

/// Which attempt a delivery is; told by the queue it came from, so it cannot be forged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// `jobs.r0`: attempt 1.
    First,
    /// `jobs.r1`: attempt 2.
    Second,
    /// `jobs.r2`: attempt 3, the last.
    Last,
}

impl Stage {
    /// 1, 2 or 3.
    pub fn attempt(self) -> u32 {
        match self {
            Self::First => 1,
            Self::Second => 2,
            Self::Last => 3,
        }
    }
}

/// A job in hand. Dropping it unsettled logs an error and leaves it to the broker to hand it out
/// again.
#[derive(Debug)]
pub struct Delivery;

impl Delivery {
    /// The message's bytes. They hold grants: never log them.
    pub fn body(&self) -> &[u8] {
        todo!()
    }
    /// AMQP `message_id`: the job id, as the publisher says.
    pub fn message_id(&self) -> Option<&str> {
        todo!()
    }
    /// The publisher's login, verified by the broker; none when the publisher left it out.
    pub fn user_id(&self) -> Option<&str> {
        todo!()
    }
    /// AMQP `type`.
    pub fn message_type(&self) -> Option<&str> {
        todo!()
    }
    /// AMQP `content_type`.
    pub fn content_type(&self) -> Option<&str> {
        todo!()
    }
    /// AMQP `timestamp`.
    pub fn timestamp(&self) -> Option<Timestamp> {
        todo!()
    }
    /// A header's text, when it is a string (e.g. `traceparent`).
    pub fn header(&self, name: &str) -> Option<&str> {
        let _ = name;
        todo!()
    }
    /// Which stage queue it came from.
    pub fn stage(&self) -> Stage {
        todo!()
    }
    /// 1, 2 or 3.
    pub fn attempt(&self) -> u32 {
        self.stage().attempt()
    }
    /// The broker gave it out before.
    pub fn redelivered(&self) -> bool {
        todo!()
    }
    /// How often it came back within this stage; 0 unless `redelivered` (facts §3.1: forgeable).
    pub fn delivery_count(&self) -> u64 {
        todo!()
    }
    /// A handle that tells when the broker takes the job away from us.
    pub fn lease(&self) -> Lease {
        todo!()
    }
    /// Tells the broker what becomes of the job. Exactly once, by value.
    pub async fn settle(self, disposition: Disposition) -> Result<Settled, SettleError> {
        let _ = disposition;
        todo!()
    }
}

/// Watches whether we still hold the job. Clone it into the work.
#[derive(Clone, Debug)]
pub struct Lease;

impl Lease {
    /// Have we lost it?
    pub fn is_lost(&self) -> bool {
        todo!()
    }

    /// Waits until it is lost (never resolves otherwise). Then stop: another worker has the job.
    pub async fn lost(&self) -> LeaseLoss {
        todo!()
    }
}

/// Why a job is no longer ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseLoss {
    /// The broker's or the connection's words.
    pub cause: String,
}
