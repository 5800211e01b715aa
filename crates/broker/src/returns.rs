//! How often a job came back in its stage, out of what each version of RabbitMQ writes on a delivery.
//!
//! Must never count a rejection, nor believe a header that a publisher can write; and within a stage a
//! later hand-over must never get a smaller number: reports are put in order by it.

use crate::{
    Stage,
    delivery::number,
    ended::{deaths, text},
    version::Counting,
};
use lapin::{BasicProperties, message};

/// Losses of workers, and from RabbitMQ 4.0 on rejections of all stages; up to 4.2 hand-backs, too.
/// Without a loss, 4.3 leaves what the publisher wrote.
const DELIVERY_COUNT: &str = "x-delivery-count";
/// From RabbitMQ 4.3 on: everything that came back to this queue, and behind the first stage not even
/// that alone. Earlier versions leave what the publisher wrote.
const ACQUIRED_COUNT: &str = "x-acquired-count";

/// What is known of earlier hand-overs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Returns {
    /// How many are known.
    pub(crate) count: u64,
    /// There was at least one.
    pub(crate) any: bool,
}

impl Returns {
    /// What the broker tells of a delivery from this stage. A header counts only on a message that the
    /// broker gave out before.
    pub(crate) fn of(delivery: &message::Delivery, stage: Stage, counting: Counting) -> Self {
        if !delivery.redelivered {
            return Self::default();
        }
        let properties = &delivery.properties;
        let told = |name| number(properties, name).unwrap_or_default();
        match (stage, counting) {
            (_, Counting::Anew) | (Stage::First, Counting::Blurred) => {
                Self { count: told(DELIVERY_COUNT), any: true }
            }
            (Stage::First, Counting::Carried) => Self { count: told(ACQUIRED_COUNT), any: true },
            // 1 may be the first hand-over behind one rejection, or the second one; and behind a loss
            // in an earlier stage the number even falls.
            (Stage::Second | Stage::Last, Counting::Blurred) => Self::default(),
            (Stage::Second | Stage::Last, Counting::Carried) => {
                let count = told(DELIVERY_COUNT).saturating_sub(rejections(properties));
                Self { count, any: count > 0 }
            }
        }
    }
}

/// How often workers asked for a later attempt, by the broker's own record.
pub(crate) fn rejections(properties: &BasicProperties) -> u64 {
    let rejected = deaths(properties).filter(|death| {
        death.inner().get("reason").and_then(text).is_some_and(|reason| reason == "rejected")
    });
    rejected.filter_map(|death| crate::delivery::whole(death.inner().get("count")?)).sum()
}
