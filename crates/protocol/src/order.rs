//! Orders of the operator to all workers, on the exchange `control`: cancel a job.
//! Must never carry a grant, nor ask for anything but to stop.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::limits::ORDER_BYTES_MAX;
use crate::wire::TimeText;
use crate::{DecodeError, Detail, JobId, JobKey, Lane, de, tree};

/// Version of the orders' format.
const VERSION: u64 = 1;

/// Cancel a job: every message of it that was submitted before `time`. One that is submitted (or replayed) later
/// runs; one whose grants are minted anew keeps its time of submission, and stays cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelOrder {
    /// The job's lane: another lane may have a job of the same id, which goes on.
    pub lane: Lane,
    /// The job's id.
    pub job: JobId,
    /// When it was ordered, as the producer's clock has it.
    pub time: Timestamp,
    /// Why, or by whom, for people; may be empty.
    pub detail: Detail,
}

/// Why bytes are no order.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Not of this shape.
    #[error("the order cannot be read")]
    Shape(#[source] DecodeError),
    /// A field breaks its rule.
    #[error("the order's field {field} {problem}")]
    Field {
        /// The field.
        field: &'static str,
        /// The rule.
        problem: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
struct Wire {
    version: u64,
    order: String,
    /// Absent in orders of older producers, whose jobs were all of the lane `default`.
    #[serde(default)]
    lane: Option<String>,
    job: String,
    time: TimeText,
    #[serde(default)]
    detail: Detail,
}

impl CancelOrder {
    /// The order as JSON.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let wire = Wire {
            version: VERSION,
            order: "cancel".to_owned(),
            lane: Some(self.lane.to_string()),
            job: self.job.to_string(),
            time: self.time.into(),
            detail: self.detail.clone(),
        };
        serde_json::to_vec(&wire).expect("texts and numbers are always JSON")
    }

    /// Reads an order. Unknown fields are skipped, so that older workers understand newer producers.
    ///
    /// # Errors
    /// [`OrderError`] names the field; never with a value.
    pub fn decode(bytes: &[u8]) -> Result<Self, OrderError> {
        let tree = tree::parse(bytes, ORDER_BYTES_MAX).map_err(OrderError::Shape)?;
        let wire: Wire = de::from_tree(tree).map_err(OrderError::Shape)?;
        let wrong = |field, problem| OrderError::Field { field, problem };
        if wire.version != VERSION {
            return Err(wrong("version", "must be 1"));
        }
        if wire.order != "cancel" {
            return Err(wrong("order", "must be cancel"));
        }
        let time = wire.time.read("time").map_err(|_| wrong("time", "must be an RFC 3339 time"))?;
        let job = wire.job.parse().map_err(|_| wrong("job", "must be a job id"))?;
        let lane = wire.lane.map_or(Ok(Lane::default()), |lane| lane.parse());
        let lane = lane.map_err(|_| wrong("lane", "must be a lane"))?;
        Ok(Self { lane, job, time, detail: wire.detail })
    }

    /// The job that is meant.
    #[must_use]
    pub fn key(&self) -> JobKey {
        JobKey::new(self.lane.clone(), self.job)
    }

    /// The routing key on the exchange `control`: `cancel.<job id>`.
    #[must_use]
    pub fn routing_key(&self) -> String {
        format!("cancel.{}", self.job)
    }

    /// Whether a message of this job that was submitted at this time is meant.
    #[must_use]
    pub fn is_for(&self, submitted_at: Timestamp) -> bool {
        submitted_at < self.time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> CancelOrder {
        CancelOrder {
            lane: "acme".parse().unwrap(),
            job: "018f4e2a-7c1b-7d3e-9a4b-1c2d3e4f5a6b".parse().unwrap(),
            time: "2026-03-01T12:00:00.5Z".parse().unwrap(),
            detail: "wrong folder".into(),
        }
    }

    #[test]
    fn an_order_comes_back_as_it_was() {
        assert_eq!(CancelOrder::decode(&order().encode()).unwrap(), order());
        assert_eq!(order().routing_key(), "cancel.018f4e2a-7c1b-7d3e-9a4b-1c2d3e4f5a6b");
    }

    #[test]
    fn what_is_no_order_is_named_by_its_field() {
        let text = String::from_utf8(order().encode()).unwrap();
        for (from, to, field) in [
            ("cancel", "start", "order"),
            (":1,", ":2,", "version"),
            ("018f", "zzzz", "job"),
            ("acme", "ac.e", "lane"),
            ("2026", "20x6", "time"),
        ] {
            let error = CancelOrder::decode(text.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(matches!(error, OrderError::Field { field: found, .. } if found == field), "{error:?}");
        }
        assert!(matches!(CancelOrder::decode(b"{"), Err(OrderError::Shape(_))));
    }

    #[test]
    fn an_order_without_a_lane_is_for_the_usual_lane_alone() {
        let text = String::from_utf8(order().encode()).unwrap().replace(r#""lane":"acme","#, "");
        assert_eq!(CancelOrder::decode(text.as_bytes()).unwrap().lane, Lane::default(), "{text}");
    }

    #[test]
    fn a_later_submission_is_not_meant() {
        let order = order();
        assert!(order.is_for("2026-03-01T12:00:00Z".parse().unwrap()));
        assert!(!order.is_for(order.time));
    }
}
