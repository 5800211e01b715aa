//! The id of a job: a UUIDv7, which sorts by submission and tells its time.
//! Must never make an id up: that takes a clock.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::{Uuid, Variant, Version};

use crate::BadText;

const RULE: BadText =
    BadText { rule: "must be a UUIDv7 in lower case with hyphens, of a time before the year 10000" };

/// A job's id, unique for all time; also the `message_id` and the name of everything about the job.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(Uuid);

impl JobId {
    /// Length of the text form, in bytes.
    pub const TEXT_BYTES: usize = 36;

    /// Wraps a UUID.
    ///
    /// # Errors
    /// [`BadText`] if it is not of version 7, or its time lies beyond the year 9999.
    pub fn from_uuid(uuid: Uuid) -> Result<Self, BadText> {
        let time_fits = Timestamp::from_millisecond(milliseconds(uuid)).is_ok();
        let is_v7 = uuid.get_version() == Some(Version::SortRand) && uuid.get_variant() == Variant::RFC4122;
        if is_v7 && time_fits { Ok(Self(uuid)) } else { Err(RULE) }
    }

    /// The UUID.
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }

    /// When the id was made, to the millisecond, as its maker's clock had it.
    pub fn submitted_at(&self) -> Timestamp {
        Timestamp::from_millisecond(milliseconds(self.0)).expect("from_uuid has checked the range")
    }
}

/// The first 48 bits of a version 7 UUID.
fn milliseconds(uuid: Uuid) -> i64 {
    (uuid.as_u128() >> 80) as i64
}

impl FromStr for JobId {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        // One spelling only: ids are compared as text in routing keys, headers and metadata.
        let uuid = Uuid::try_parse(text).map_err(|_| RULE)?;
        if uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) != text {
            return Err(RULE);
        }
        Self::from_uuid(uuid)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobId({self})")
    }
}

impl serde::Serialize for JobId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
