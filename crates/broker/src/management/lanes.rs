//! What a lane's queues hold, the numbers it has, and its end.
//!
//! Must never take a queue away unasked: [`Management::remove_lane`] is for a lane that nobody may publish to any more,
//! and that was found empty after that.

use super::{Management, ManagementError, http::segment};
use crate::topology::{
    LaneNumbers,
    names::{events_queue, lane_exchange},
};
use serde_json::Value;
use std::time::Duration;
use valet_protocol::{Lane, LaneKind, LaneRecord, Priority};

/// Every priority that a lane may have a queue for, the highest first.
const PRIORITIES: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];

/// How old the counts of [`Management::lane_depths`] may be: queues tell every 5 s how much they hold, and what was
/// told is collected every 5 s.
pub const DEPTH_AGE_MAX: Duration = Duration::from_secs(11);

/// How many messages one queue of a lane holds, those in a dispatcher's hands included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneDepth {
    /// Which of the lane's queues.
    pub priority: Priority,
    /// Its name.
    pub queue: String,
    /// Its messages.
    pub messages: u64,
}

impl Management {
    /// What a lane's queues hold, those that there are.
    pub async fn lane_depths(&self, lane: &Lane) -> Result<Vec<LaneDepth>, ManagementError> {
        let mut depths = Vec::new();
        for priority in PRIORITIES {
            let queue = lane_exchange(lane, priority);
            if let Some(messages) = self.queue_messages(&queue).await? {
                depths.push(LaneDepth { priority, queue, messages });
            }
        }
        Ok(depths)
    }

    /// How many reports wait for a partner; none: there is no queue of them.
    pub async fn reports_waiting(&self, lane: &Lane) -> Result<Option<u64>, ManagementError> {
        self.queue_messages(&events_queue(lane)).await
    }

    /// A queue that has not been counted yet is a moment old, and empty.
    async fn queue_messages(&self, queue: &str) -> Result<Option<u64>, ManagementError> {
        let found = self.http.get(&format!("{}/{}", self.path("queues"), segment(queue))).await?;
        Ok(found.map(|found| found["messages"].as_u64().unwrap_or_default()))
    }

    /// The numbers that a lane has now; none if it has no policy.
    pub async fn lane_numbers(&self, record: &LaneRecord) -> Result<Option<LaneNumbers>, ManagementError> {
        let Some(waiting) = self.policy_of(&lane_exchange(&record.lane, Priority::Normal)).await? else {
            return Ok(None);
        };
        let kept = self.policy_of(&events_queue(&record.lane)).await?.unwrap_or_default();
        let limits = match &record.publishers[..] {
            [login] if record.kind == LaneKind::Partner => self.login_limits(login).await?,
            _ => Value::Null,
        };
        let standard = LaneNumbers::default();
        let limit =
            |name: &str, other| limits[name].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(other);
        Ok(Some(LaneNumbers {
            length_max: waiting["max-length"].as_u64().unwrap_or(standard.length_max),
            bytes_max: waiting["max-length-bytes"].as_u64().unwrap_or(standard.bytes_max),
            job_ttl: waiting["message-ttl"].as_u64().map_or(standard.job_ttl, Duration::from_millis),
            events_length_max: kept["max-length"].as_u64().unwrap_or(standard.events_length_max),
            connections_max: limit("max-connections", standard.connections_max),
            channels_max: limit("max-channels", standard.channels_max),
        }))
    }

    async fn policy_of(&self, queue: &str) -> Result<Option<Value>, ManagementError> {
        let path = format!("{}/{}", self.path("policies"), segment(&format!("valet.{queue}")));
        Ok(self.http.get(&path).await?.map(|policy| policy["definition"].clone()))
    }

    /// Takes a lane's exchanges, queues and policies away, and whatever is in them.
    pub async fn remove_lane(&self, lane: &Lane) -> Result<(), ManagementError> {
        let queues = PRIORITIES.map(|priority| lane_exchange(lane, priority));
        for name in &queues {
            self.http.delete(&format!("{}/{}", self.path("exchanges"), segment(name))).await?;
        }
        for name in queues.into_iter().chain([events_queue(lane)]) {
            self.http.delete(&format!("{}/{}", self.path("queues"), segment(&name))).await?;
            let policy = segment(&format!("valet.{name}"));
            self.http.delete(&format!("{}/{policy}", self.path("policies"))).await?;
        }
        Ok(())
    }
}
