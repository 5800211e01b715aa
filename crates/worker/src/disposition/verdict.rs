//! From a row of the table and a job's standing to what follows. No words, no message, no clock.

use valet_protocol::Reason;

use super::{Case, Class};
use crate::terms::Terms;

/// Stages that the broker has: attempts under the same grants.
pub const STAGES: u32 = 3;

/// Where a job stands when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The attempt's number over all grants, from 1.
    pub attempt: u32,
    /// The stage's number, 1 to [`STAGES`]; told by the queue, so it cannot be forged.
    pub stage: u32,
    /// How often its producer may still mint new grants for it.
    pub remints: u32,
    /// Seconds that a job waits before the second and before the last stage, as the topology was declared. They
    /// are announced only; the broker's retry queues keep the time.
    pub delays_seconds: [u32; 2],
    /// Whether the broker would give it out again if it were handed back now.
    pub may_hand_back: bool,
}

impl Standing {
    /// Of a message that is no job.
    #[must_use]
    pub fn of_no_job(stage: u32, terms: &Terms) -> Self {
        Self { attempt: stage, stage, remints: 0, delays_seconds: terms.delays_seconds, may_hand_back: true }
    }
}

/// What follows of an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Told, and off the queue.
    Ack,
    /// Told, and to the next stage.
    Retry {
        /// When it comes, in seconds from now.
        delay_seconds: u32,
    },
    /// Told, and among the dead letters.
    DeadLetter {
        /// The letter's reason.
        reason: Reason,
    },
    /// Told, and among those that wait for new grants.
    Expired {
        /// How often they may be minted.
        remints_left: u32,
    },
    /// Not told, and back in its queue at once.
    HandBack,
    /// Not told, and nothing left to settle.
    Silence,
}

/// What follows of a row for a job that stands so.
#[must_use]
pub fn verdict(case: Case, standing: &Standing) -> Verdict {
    let reason = case.reason().unwrap_or(Reason::Internal);
    match case.class() {
        Class::Done | Class::Cancelled => Verdict::Ack,
        Class::Permanent | Class::Lost => Verdict::DeadLetter { reason },
        Class::Transient => match delay_seconds(standing) {
            Some(delay_seconds) => Verdict::Retry { delay_seconds },
            None => Verdict::DeadLetter { reason: Reason::AttemptsExhausted },
        },
        Class::Expired if standing.remints == 0 => Verdict::DeadLetter { reason },
        Class::Expired => Verdict::Expired { remints_left: standing.remints },
        Class::HandedBack => Verdict::HandBack,
        Class::TakenBack => Verdict::Silence,
    }
}

/// The wait before the next stage; none behind the last.
fn delay_seconds(standing: &Standing) -> Option<u32> {
    let behind = usize::try_from(standing.stage.checked_sub(1)?).ok()?;
    standing.delays_seconds.get(behind).copied()
}
