//! One job that is ready to be minted: every name checked, preset resolved, times fixed.
//! Must never hold a grant: grants are minted from it at the last moment.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use valet_protocol::{ETag, JobId, JobKey, Lane, Limits, Priority};

use crate::address::BlobAddress;

/// How long grants live if nobody says: queue wait and work of a usual job with room to spare.
pub const TTL_SECONDS_DEFAULT: u32 = 4 * 3_600;

/// The longest that grants may live: what the worker's own policy accepts (SAS003).
pub const TTL_SECONDS_MAX: u32 = 24 * 3_600;

/// What must be left for waiting in the queue when the wall limit is taken off the grants' life.
pub const WAIT_SECONDS_MIN: u32 = 300;

/// One planned job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobPlan {
    /// Its id, which is the message's too.
    #[serde(with = "id_text")]
    pub id: JobId,
    /// Its lane.
    #[serde(default, with = "lane_text")]
    pub lane: Lane,
    /// What is read.
    pub input: BlobAddress,
    /// The content that must be met there.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "etag_text")]
    pub etag: Option<ETag>,
    /// What is created.
    pub output: BlobAddress,
    /// The output's content type.
    pub content_type: String,
    /// The preset's name.
    pub preset: String,
    /// The preset's version.
    pub version: u32,
    /// The preset's parameters.
    pub params: Map<String, Value>,
    /// Its place in the queue.
    pub priority: Priority,
    /// Labels.
    pub tags: BTreeMap<String, String>,
    /// How long the work may take.
    pub wall_seconds: u32,
    /// Its other limits.
    #[serde(default, skip_serializing_if = "are_none")]
    pub limits: Limits,
    /// How long the grants live from the moment of minting.
    pub ttl_seconds: u32,
    /// How often a reminter may mint anew when these grants have died.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub remints: u32,
    /// Attempts that were made before: the first one of this message is the next.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts_before: u32,
    /// For new grants of a job that was submitted before and still waits: when that was. None is a submission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<Timestamp>,
}

impl JobPlan {
    /// The job that it is of.
    pub fn key(&self) -> JobKey {
        JobKey::new(self.lane.clone(), self.id)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn are_none(limits: &Limits) -> bool {
    *limits == Limits::default()
}

mod id_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use valet_protocol::JobId;

    pub(super) fn serialize<S: Serializer>(id: &JobId, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<JobId, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

mod lane_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use valet_protocol::Lane;

    pub(super) fn serialize<S: Serializer>(lane: &Lane, to: S) -> Result<S::Ok, S::Error> {
        lane.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Lane, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

mod etag_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use valet_protocol::ETag;

    pub(super) fn serialize<S: Serializer>(etag: &Option<ETag>, to: S) -> Result<S::Ok, S::Error> {
        etag.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ETag>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse()).transpose().map_err(D::Error::custom)
    }
}
