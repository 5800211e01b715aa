//! Job ids as JSON texts in both directions; the wire format only ever writes them.

use serde::{Deserialize, Deserializer, Serializer, de::Error};
use valet_protocol::JobId;

pub(crate) fn serialize<S: Serializer>(id: &JobId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<JobId, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}
