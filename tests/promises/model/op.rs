//! What can happen to jobs, and random sequences of it.

use proptest::collection::vec;
use proptest::prelude::*;

/// Jobs of one sequence.
pub(super) const JOBS: usize = 3;
/// Workers of one sequence, of one slot each.
pub(super) const SLOTS: usize = 2;

/// One thing that happens. One that cannot happen now (a job that is under way is not submitted, an empty slot
/// has nothing to end) is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// The producer enqueues a job with grants that live.
    Submit { job: usize },
    /// The same with grants that are dead by the time anybody could take it.
    SubmitDying { job: usize },
    /// The operator's order.
    Cancel { job: usize },
    /// The operator takes a dead letter back into the queue.
    Replay { job: usize },
    /// A free slot takes the next job there is.
    Take { slot: usize },
    /// The slot stored the output.
    Succeed { slot: usize },
    /// Storage was away, or the like.
    FailForNow { slot: usize },
    /// The input is no media, or the like.
    FailForGood { slot: usize },
    /// The worker is gone, and its job is back.
    Crash { slot: usize },
    /// The worker drains and gives its job back.
    HandBack { slot: usize },
    /// The undertaker deals with a job that the broker ended.
    Bury,
}

/// Sequences of up to `length_max` operations.
pub(super) fn sequences(length_max: usize) -> impl Strategy<Value = Vec<Op>> {
    vec(op(), 1..length_max)
}

fn op() -> impl Strategy<Value = Op> {
    let job = 0..JOBS;
    let slot = 0..SLOTS;
    prop_oneof![
        4 => job.clone().prop_map(|job| Op::Submit { job }),
        1 => job.clone().prop_map(|job| Op::SubmitDying { job }),
        1 => job.clone().prop_map(|job| Op::Cancel { job }),
        1 => job.prop_map(|job| Op::Replay { job }),
        8 => slot.clone().prop_map(|slot| Op::Take { slot }),
        1 => slot.clone().prop_map(|slot| Op::Succeed { slot }),
        3 => slot.clone().prop_map(|slot| Op::FailForNow { slot }),
        1 => slot.clone().prop_map(|slot| Op::FailForGood { slot }),
        5 => slot.clone().prop_map(|slot| Op::Crash { slot }),
        1 => slot.prop_map(|slot| Op::HandBack { slot }),
        2 => Just(Op::Bury),
    ]
}
