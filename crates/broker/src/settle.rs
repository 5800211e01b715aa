//! What becomes of a delivery, and telling the broker.

use crate::LeaseLoss;
use valet_protocol::Reason;

/// What the worker decided. The decision is the worker's; this crate only carries it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Done (success, or a failure that has been reported): off the queue.
    Ack,
    /// Again later: to the next stage, by dead-lettering alone.
    Retry,
    /// Never again: to `dead`, with the reason.
    DeadLetter {
        /// Stable code.
        reason: Reason,
        /// For people; never a grant.
        detail: String,
    },
    /// The grants died first: to `expired`, for re-minting.
    Expired {
        /// Stable code.
        reason: Reason,
        /// For people; never a grant.
        detail: String,
    },
    /// Not by this worker (drain): back to the same queue at once.
    HandBack,
}

/// What was settled, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Off the queue.
    Acked,
    /// On its way to the next stage.
    Retrying,
    /// In `dead`.
    Dead,
    /// In `expired`.
    Expired,
    /// Back in its queue.
    HandedBack,
}

/// Why a delivery could not be settled. In every case the broker hands the job out again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// The job is no longer ours.
    #[error("the job was taken back by the broker ({})", loss.cause)]
    LeaseLost {
        /// How that showed.
        loss: LeaseLoss,
    },
    /// `dead` or `expired` did not take the message; the delivery was handed back.
    #[error("the dead letter was not taken by the broker")]
    DeadLetter {
        /// Why.
        #[source]
        cause: crate::PublishError,
    },
}
