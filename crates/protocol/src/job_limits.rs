//! The bounds that a sender sets for one job.
//! Must never widen anything: a worker takes the narrower of these and its own.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits::{
    CPU_SECONDS_MAX, DURATION_SECONDS_MAX, FRAMES_MAX, INPUT_BYTES_LIMIT_MAX, MEMORY_BYTES_MAX,
    MEMORY_BYTES_MIN, OUTPUT_BYTES_LIMIT_MAX, PIXELS_MAX, STALL_SECONDS_MAX, STALL_SECONDS_MIN, STREAMS_MAX,
    WALL_SECONDS_MAX, WALL_SECONDS_MIN,
};

/// Bounds for one job; what is absent is the worker's or the preset's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Wall clock time of one attempt, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = WALL_SECONDS_MIN, max = WALL_SECONDS_MAX))]
    pub wall_seconds: Option<u32>,
    /// Size of the input, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = INPUT_BYTES_LIMIT_MAX))]
    pub input_bytes: Option<u64>,
    /// Longest time without progress, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = STALL_SECONDS_MIN, max = STALL_SECONDS_MAX))]
    pub stall_seconds: Option<u32>,
    /// Size of the output, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = OUTPUT_BYTES_LIMIT_MAX))]
    pub output_bytes: Option<u64>,
    /// Processor time of each run of the codec, all threads together, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = CPU_SECONDS_MAX))]
    pub cpu_seconds: Option<u32>,
    /// Private memory of the codec, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = MEMORY_BYTES_MIN, max = MEMORY_BYTES_MAX))]
    pub memory_bytes: Option<u64>,
    /// Length of the input's media, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = DURATION_SECONDS_MAX))]
    pub duration_seconds: Option<u32>,
    /// Pixels of one picture of the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = PIXELS_MAX))]
    pub pixels: Option<u32>,
    /// Pictures of the input's video, counted or by its length and rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = FRAMES_MAX))]
    pub frames: Option<u64>,
    /// Streams of the input, of all kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = STREAMS_MAX))]
    pub streams: Option<u32>,
}

/// One of the limits: its field, what is asked, what may be asked.
type Asked = (&'static str, Option<u64>, RangeInclusive<u64>);

impl Limits {
    /// The first field whose value is out of its range, and the rule to complete "`<field>` …".
    pub fn problem(&self) -> Option<(&'static str, String)> {
        let wrong = |(_, asked, allowed): &Asked| asked.is_some_and(|asked| !allowed.contains(&asked));
        let (field, _, allowed) = self.asked().into_iter().find(wrong)?;
        Some((field, format!("must be a whole number from {} to {}", allowed.start(), allowed.end())))
    }

    /// Every limit, in the order of the wire.
    fn asked(&self) -> [Asked; 10] {
        let wide = |value: Option<u32>| value.map(u64::from);
        let range = |min: u32, max: u32| u64::from(min)..=u64::from(max);
        [
            ("limits.wall_seconds", wide(self.wall_seconds), range(WALL_SECONDS_MIN, WALL_SECONDS_MAX)),
            ("limits.input_bytes", self.input_bytes, 1..=INPUT_BYTES_LIMIT_MAX),
            ("limits.stall_seconds", wide(self.stall_seconds), range(STALL_SECONDS_MIN, STALL_SECONDS_MAX)),
            ("limits.output_bytes", self.output_bytes, 1..=OUTPUT_BYTES_LIMIT_MAX),
            ("limits.cpu_seconds", wide(self.cpu_seconds), range(1, CPU_SECONDS_MAX)),
            ("limits.memory_bytes", self.memory_bytes, MEMORY_BYTES_MIN..=MEMORY_BYTES_MAX),
            ("limits.duration_seconds", wide(self.duration_seconds), range(1, DURATION_SECONDS_MAX)),
            ("limits.pixels", wide(self.pixels), range(1, PIXELS_MAX)),
            ("limits.frames", self.frames, 1..=FRAMES_MAX),
            ("limits.streams", wide(self.streams), range(1, STREAMS_MAX)),
        ]
    }
}
