//! What a lane is allowed: who publishes to it, its turn among others, and its ceilings. The last record of a lane
//! counts; only the identity that provisions lanes may write one.
//! Must never hold a secret, nor anything that a message of the lane could set.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::wire::TimeText;
use crate::{BadText, DecodeError, Lane, Limits, Priority, de, tree};

/// Version of the records' format.
const VERSION: u64 = 1;

/// Largest record, in bytes: a list of presets and hosts at their limits fits.
pub const LANE_RECORD_BYTES_MAX: usize = 16_384;

/// Most entries of each list: a lane with more has another problem.
const ENTRIES_MAX: usize = 64;

/// Longest entry of a list, in bytes: a host's name, or RabbitMQ's longest login.
const ENTRY_BYTES_MAX: usize = 255;

/// The weight's bounds: of two lanes with work, one is never served more than 100 times as often.
const WEIGHT_MAX: u32 = 100;

/// Whose lane it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LaneKind {
    /// A producer's of this installation.
    Own,
    /// A partner's: a stranger with storage of its own.
    Partner,
}

/// Whether a lane is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LaneState {
    /// Messages are taken and served.
    Open,
    /// Messages are kept, and not served.
    Paused,
    /// The lane is gone, or about to.
    Removed,
}

/// What a lane is allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneRecord {
    /// Which lane.
    pub lane: Lane,
    /// Whose it is.
    pub kind: LaneKind,
    /// Whether it is served.
    pub state: LaneState,
    /// The logins whose messages are taken, as the broker proves them. Never empty.
    pub publishers: Vec<String>,
    /// Its share among the lanes that have work, 1 to 100.
    pub weight: u32,
    /// Most jobs that may run at the same time; none: no ceiling.
    pub running_max: Option<u32>,
    /// Most jobs that may be sent to the workers in a minute; none: no ceiling.
    pub starts_per_minute_max: Option<u32>,
    /// The highest priority that its messages may have.
    pub priority_max: Priority,
    /// Presets that may be used; empty: all.
    pub presets: Vec<String>,
    /// Ceilings of the limits of each message; what is absent has none.
    pub limits: Limits,
    /// Longest life of a grant, in seconds; none: the program's own ceiling.
    pub lifetime_seconds_max: Option<u32>,
    /// Hosts that grants may point to, as patterns; empty: the program's own.
    pub hosts: Vec<String>,
    /// Whether only sealed grants are taken.
    pub sealed_only: bool,
    /// When it was written, as its writer's clock has it.
    pub changed_at: Timestamp,
}

/// Why bytes are no record.
#[derive(Debug, thiserror::Error)]
pub enum LaneRecordError {
    /// Not of this shape.
    #[error("the lane's record cannot be read")]
    Shape(#[source] DecodeError),
    /// A field breaks its rule.
    #[error("the lane's field {field} {problem}")]
    Field {
        /// The field.
        field: &'static str,
        /// The rule, to complete "`<field>` …".
        problem: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u64,
    lane: String,
    kind: LaneKind,
    state: LaneState,
    publishers: Vec<String>,
    weight: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    running_max: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    starts_per_minute_max: Option<u32>,
    priority_max: Priority,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    presets: Vec<String>,
    #[serde(default)]
    limits: Limits,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifetime_seconds_max: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<String>,
    #[serde(default)]
    sealed_only: bool,
    changed_at: TimeText,
}

impl LaneRecord {
    /// A lane of our own producers, without ceilings, from now on.
    #[must_use]
    pub fn own(lane: Lane, publishers: Vec<String>) -> Self {
        Self {
            lane,
            kind: LaneKind::Own,
            state: LaneState::Open,
            publishers,
            weight: 1,
            running_max: None,
            starts_per_minute_max: None,
            priority_max: Priority::High,
            presets: Vec::new(),
            limits: Limits::default(),
            lifetime_seconds_max: None,
            hosts: Vec::new(),
            sealed_only: false,
            changed_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// A partner's lane, which has no high priority unless it is given one.
    #[must_use]
    pub fn partner(lane: Lane, login: String) -> Self {
        Self { kind: LaneKind::Partner, priority_max: Priority::Normal, ..Self::own(lane, vec![login]) }
    }

    /// The record as JSON.
    ///
    /// # Errors
    /// [`LaneRecordError`] if a field breaks its rule.
    pub fn encode(&self) -> Result<Vec<u8>, LaneRecordError> {
        self.check()?;
        Ok(serde_json::to_vec(&Wire::from(self)).expect("texts, numbers and lists are always JSON"))
    }

    /// Reads a record. Unknown fields are refused: what they narrow would be left wide.
    ///
    /// # Errors
    /// [`LaneRecordError`] names the field; never with a value.
    pub fn decode(bytes: &[u8]) -> Result<Self, LaneRecordError> {
        let tree = tree::parse(bytes, LANE_RECORD_BYTES_MAX).map_err(LaneRecordError::Shape)?;
        let wire: Wire = de::from_tree(tree).map_err(LaneRecordError::Shape)?;
        let record = Self::try_from(wire)?;
        record.check()?;
        Ok(record)
    }

    /// The priorities that the lane has a queue for, the highest first.
    #[must_use]
    pub fn priorities(&self) -> &'static [Priority] {
        match self.priority_max {
            Priority::High => &[Priority::High, Priority::Normal, Priority::Low],
            // The queue of `normal` is always there.
            Priority::Normal | Priority::Low => &[Priority::Normal, Priority::Low],
        }
    }

    fn check(&self) -> Result<(), LaneRecordError> {
        rule(!self.publishers.is_empty(), "publishers", || "must name a login".to_owned())?;
        list("publishers", &self.publishers)?;
        list("presets", &self.presets)?;
        list("hosts", &self.hosts)?;
        rule((1..=WEIGHT_MAX).contains(&self.weight), "weight", || {
            format!("must be a whole number from 1 to {WEIGHT_MAX}")
        })?;
        positive("running_max", self.running_max)?;
        positive("starts_per_minute_max", self.starts_per_minute_max)?;
        positive("lifetime_seconds_max", self.lifetime_seconds_max)?;
        self.limits
            .problem()
            .map_or(Ok(()), |(field, problem)| Err(LaneRecordError::Field { field, problem }))
    }
}

fn positive(field: &'static str, number: Option<u32>) -> Result<(), LaneRecordError> {
    rule(number != Some(0), field, || "must be at least 1, or absent; pause a lane to stop it".to_owned())
}

fn list(field: &'static str, entries: &[String]) -> Result<(), LaneRecordError> {
    let fits =
        |entry: &String| (1..=ENTRY_BYTES_MAX).contains(&entry.len()) && !entry.chars().any(char::is_control);
    rule(entries.len() <= ENTRIES_MAX && entries.iter().all(fits), field, || {
        format!("must have at most {ENTRIES_MAX} entries of 1 to {ENTRY_BYTES_MAX} printable bytes")
    })
}

fn rule(kept: bool, field: &'static str, problem: impl FnOnce() -> String) -> Result<(), LaneRecordError> {
    if kept { Ok(()) } else { Err(LaneRecordError::Field { field, problem: problem() }) }
}

impl TryFrom<Wire> for LaneRecord {
    type Error = LaneRecordError;

    fn try_from(wire: Wire) -> Result<Self, LaneRecordError> {
        let wrong = |field, problem: &str| LaneRecordError::Field { field, problem: problem.to_owned() };
        if wire.version != VERSION {
            return Err(wrong("version", "must be 1"));
        }
        Ok(Self {
            lane: wire.lane.parse().map_err(|bad: BadText| wrong("lane", bad.rule))?,
            kind: wire.kind,
            state: wire.state,
            publishers: wire.publishers,
            weight: wire.weight,
            running_max: wire.running_max,
            starts_per_minute_max: wire.starts_per_minute_max,
            priority_max: wire.priority_max,
            presets: wire.presets,
            limits: wire.limits,
            lifetime_seconds_max: wire.lifetime_seconds_max,
            hosts: wire.hosts,
            sealed_only: wire.sealed_only,
            changed_at: wire
                .changed_at
                .read("changed_at")
                .map_err(|_| wrong("changed_at", "must be an RFC 3339 time"))?,
        })
    }
}

impl From<&LaneRecord> for Wire {
    fn from(record: &LaneRecord) -> Self {
        Self {
            version: VERSION,
            lane: record.lane.to_string(),
            kind: record.kind,
            state: record.state,
            publishers: record.publishers.clone(),
            weight: record.weight,
            running_max: record.running_max,
            starts_per_minute_max: record.starts_per_minute_max,
            priority_max: record.priority_max,
            presets: record.presets.clone(),
            limits: record.limits,
            lifetime_seconds_max: record.lifetime_seconds_max,
            hosts: record.hosts.clone(),
            sealed_only: record.sealed_only,
            changed_at: record.changed_at.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> LaneRecord {
        LaneRecord {
            running_max: Some(4),
            starts_per_minute_max: Some(60),
            presets: vec!["copy".to_owned()],
            limits: Limits { wall_seconds: Some(600), ..Limits::default() },
            lifetime_seconds_max: Some(3_600),
            hosts: vec!["acme.blob.core.windows.net".to_owned()],
            sealed_only: true,
            changed_at: "2026-03-01T12:00:00Z".parse().unwrap(),
            ..LaneRecord::partner("acme".parse().unwrap(), "acme".to_owned())
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let own = LaneRecord::own(Lane::default(), vec!["valet-producer".to_owned()]);
        for record in [record(), own] {
            assert_eq!(LaneRecord::decode(&record.encode().unwrap()).unwrap(), record);
        }
    }

    #[test]
    fn what_is_no_record_is_named_by_its_field() {
        let text = String::from_utf8(record().encode().unwrap()).unwrap();
        for (from, to, field) in [
            ("\"version\":1", "\"version\":2", "version"),
            ("\"lane\":\"acme\"", "\"lane\":\"a.b\"", "lane"),
            ("[\"acme\"]", "[]", "publishers"),
            ("\"weight\":1", "\"weight\":0", "weight"),
            ("\"weight\":1", "\"weight\":101", "weight"),
            ("\"running_max\":4", "\"running_max\":0", "running_max"),
            ("\"wall_seconds\":600", "\"wall_seconds\":0", "limits.wall_seconds"),
            ("[\"copy\"]", "[\"\"]", "presets"),
            ("2026", "20x6", "changed_at"),
        ] {
            let error = LaneRecord::decode(text.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(
                matches!(error, LaneRecordError::Field { field: found, .. } if found == field),
                "{error:?}"
            );
        }
        let wider = text.replacen("\"weight\"", "\"ceiling\":1,\"weight\"", 1);
        assert!(matches!(LaneRecord::decode(wider.as_bytes()), Err(LaneRecordError::Shape(_))));
    }

    #[test]
    fn a_lane_has_a_queue_for_each_priority_up_to_its_ceiling() {
        assert_eq!(record().priorities(), [Priority::Normal, Priority::Low]);
        let own = LaneRecord::own(Lane::default(), vec!["p".to_owned()]);
        assert_eq!(own.priorities(), [Priority::High, Priority::Normal, Priority::Low]);
    }
}
