//! Limits of one job as people write them: `memory_bytes=2GiB`, `duration_seconds=1h`, `frames=9000`.
//! Must never leave a limit to be refused when others of the batch are sent already.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Map, Value};
use valet_protocol::Limits;
use valet_settings::{Bytes, FromSetting as _, Raw};

/// The limits that a job may set for itself, as the message calls them. The wall clock has an option of its
/// own, because the grants' life hangs on it.
pub const LIMIT_NAMES: [&str; 9] = [
    "input_bytes",
    "stall_seconds",
    "output_bytes",
    "cpu_seconds",
    "memory_bytes",
    "duration_seconds",
    "pixels",
    "frames",
    "streams",
];

/// What is wrong with a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// No limit has this name.
    #[error("{name:?} is no limit")]
    Unknown {
        /// As given.
        name: String,
    },
    /// Its value cannot be read.
    #[error("{name} is not {kind}")]
    Unreadable {
        /// The limit.
        name: &'static str,
        /// What it has to be.
        kind: &'static str,
    },
    /// Its value is out of the message's range.
    #[error("{problem}")]
    Range {
        /// Which range.
        problem: String,
    },
}

impl LimitError {
    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Unknown { name } if name == "wall_seconds" => {
                "that one is --wall, or the field wall".into()
            }
            Self::Unknown { .. } => format!("limits are {}", LIMIT_NAMES.join(", ")),
            Self::Unreadable { .. } => "for example memory_bytes=2GiB, cpu_seconds=30m, frames=9000".into(),
            Self::Range { .. } => "leave it out to have the worker's own".into(),
        }
    }
}

/// The limits that these names and values mean.
pub(super) fn limits(asked: &BTreeMap<String, Value>) -> Result<Limits, LimitError> {
    let mut numbers = Map::new();
    for (name, value) in asked {
        let known = LIMIT_NAMES.into_iter().find(|known| known == name);
        let name = known.ok_or_else(|| LimitError::Unknown { name: name.clone() })?;
        numbers.insert(name.to_owned(), number(name, value)?.into());
    }
    let beyond = |_| LimitError::Range { problem: "a limit is larger than any may be".to_owned() };
    let limits: Limits = serde_json::from_value(Value::Object(numbers)).map_err(beyond)?;
    limits.problem().map_or(Ok(limits), |(field, rule)| {
        let name = field.trim_start_matches("limits.");
        Err(LimitError::Range { problem: format!("{name} {rule}") })
    })
}

/// A number as it is, or a text in the unit that the limit's name ends with.
fn number(name: &'static str, value: &Value) -> Result<u64, LimitError> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => String::new(),
    };
    let (read, kind) = match name.rsplit('_').next() {
        Some("bytes") => (size(&text), Bytes::KIND),
        Some("seconds") => (seconds(&text), "a number of seconds, or a duration such as 90s or 1h30m"),
        _ => (text.parse().ok(), "a whole number"),
    };
    read.ok_or(LimitError::Unreadable { name, kind })
}

fn size(text: &str) -> Option<u64> {
    Bytes::from_setting(&Raw::Text(text.to_owned())).ok().map(|Bytes(bytes)| bytes)
}

fn seconds(text: &str) -> Option<u64> {
    let duration = || text.parse::<SignedDuration>().ok()?.as_secs().try_into().ok();
    text.parse().ok().or_else(duration)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(name: &str, value: Value) -> Result<Limits, LimitError> {
        limits(&[(name.to_owned(), value)].into())
    }

    #[test]
    fn limits_are_numbers_or_texts_with_a_unit() {
        assert_eq!(of("memory_bytes", json!("2GiB")).unwrap().memory_bytes, Some(2_147_483_648));
        assert_eq!(of("memory_bytes", json!(2_147_483_648_u64)).unwrap().memory_bytes, Some(2_147_483_648));
        assert_eq!(of("cpu_seconds", json!("1h30m")).unwrap().cpu_seconds, Some(5_400));
        assert_eq!(of("stall_seconds", json!(90)).unwrap().stall_seconds, Some(90));
        assert_eq!(of("frames", json!("9000")).unwrap().frames, Some(9_000));
        assert_eq!(limits(&BTreeMap::new()).unwrap(), Limits::default());
    }

    #[test]
    fn every_limit_of_the_message_but_the_wall_clock_has_its_name() {
        let value = |name: &str| if name == "memory_bytes" { json!("1GiB") } else { json!(10) };
        let asked = LIMIT_NAMES.into_iter().map(|name| (name.to_owned(), value(name))).collect();
        let found = limits(&asked).unwrap();
        let all = Limits {
            wall_seconds: None,
            input_bytes: Some(10),
            stall_seconds: Some(10),
            output_bytes: Some(10),
            cpu_seconds: Some(10),
            memory_bytes: Some(1_073_741_824),
            duration_seconds: Some(10),
            pixels: Some(10),
            frames: Some(10),
            streams: Some(10),
        };
        assert_eq!(found, all);
    }

    #[test]
    fn wrong_limits_are_told() {
        let told = |name: &str, value: Value| of(name, value).unwrap_err().to_string();
        assert_eq!(told("memory", json!(1)), "\"memory\" is no limit");
        assert_eq!(told("frames", json!("many")), "frames is not a whole number");
        assert_eq!(told("frames", json!(-1)), "frames is not a whole number");
        assert_eq!(told("streams", json!(33)), "streams must be a whole number from 1 to 32");
        assert_eq!(told("pixels", json!(u64::MAX)), "a limit is larger than any may be");
        assert!(of("wall_seconds", json!(1)).unwrap_err().advice().contains("--wall"));
    }

    #[test]
    fn the_message_s_ranges_are_those_of_the_presets() {
        use valet_preset::Bounds;
        use valet_protocol::limits::{DURATION_SECONDS_MAX, FRAMES_MAX, PIXELS_MAX, STREAMS_MAX};
        let bounds = Bounds::default();
        assert_eq!((DURATION_SECONDS_MAX, PIXELS_MAX), (bounds.duration_seconds, bounds.pixels));
        assert_eq!((FRAMES_MAX, STREAMS_MAX), (bounds.frames, bounds.streams));
    }
}
