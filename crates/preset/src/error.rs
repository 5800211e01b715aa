//! What can be wrong with a request for a preset, in pairs: what happened (`Display`), what to do (`advice`).
//! Names and values of the message appear only escaped and cut to [`SHOWN_CHARS_MAX`] characters.

use serde_json::Value;

use crate::bounds::Exceeded;
use crate::limits::SHOWN_CHARS_MAX;
use crate::loudness::MeasurementError;

/// Why a preset cannot be planned, or a plan not turned into arguments.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PresetError {
    /// No preset has this name.
    #[error("there is no preset \"{name}\"")]
    UnknownPreset {
        /// The name, escaped and cut.
        name: String,
        /// The known name that is most like it.
        nearest: Option<&'static str>,
    },
    /// The preset exists, in other versions.
    #[error("preset {preset} has no version {version}")]
    UnknownVersion {
        /// The preset.
        preset: &'static str,
        /// The version asked for.
        version: u32,
        /// The newest version there is.
        newest: u32,
    },
    /// The preset has no parameter of this name.
    #[error("preset {preset} has no parameter \"{param}\"")]
    UnknownParam {
        /// The preset.
        preset: &'static str,
        /// The name, escaped and cut.
        param: String,
        /// The parameter's name that is most like it.
        nearest: Option<&'static str>,
    },
    /// A parameter has a value that it does not take.
    #[error("parameter {param} of preset {preset} {problem}")]
    BadParam {
        /// The preset.
        preset: &'static str,
        /// The parameter.
        param: &'static str,
        /// What is wrong with its value.
        problem: ParamProblem,
    },
    /// This input is nothing for this preset. Found once its facts are known; trying again is no use.
    #[error("preset {preset} cannot be used on this input: {problem}")]
    Unsuited {
        /// The preset.
        preset: &'static str,
        /// What does not fit.
        problem: Unsuited,
    },
    /// The input is more than it may be. Found once its facts are known; trying again is no use.
    #[error("preset {preset} does not take this input: {exceeded}")]
    OverBounds {
        /// The preset.
        preset: &'static str,
        /// What there is too much of.
        exceeded: Exceeded,
    },
    /// The output of a measuring pass holds no usable figures.
    #[error("cannot use the measurement of preset {preset}")]
    Measurement {
        /// The preset.
        preset: &'static str,
        /// What is wrong with it.
        #[source]
        cause: MeasurementError,
    },
    /// A pass was asked for that the preset does not have. A mistake of the caller.
    #[error("preset {preset} has no pass {pass}")]
    NoSuchPass {
        /// The preset.
        preset: &'static str,
        /// Index of the pass, from 0.
        pass: usize,
    },
    /// The name of the output could steer ffmpeg. A mistake of the caller.
    #[error("\"{name}\" is no plain name for an output")]
    UnsafeName {
        /// The name, escaped and cut.
        name: String,
    },
}

/// What is wrong with the value of a parameter; reads on after the parameter's name.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamProblem {
    /// Not a whole number.
    #[error("must be a whole number from {min} to {max}{}, not {given}", unit_after(.unit))]
    NotInteger {
        /// The value, escaped and cut.
        given: String,
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
        /// Unit of the bounds; may be empty.
        unit: &'static str,
    },
    /// Not a number.
    #[error("must be a number from {min} to {max}{}, not {given}", unit_after(.unit))]
    NotNumber {
        /// The value, escaped and cut.
        given: String,
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
        /// Unit of the bounds; may be empty.
        unit: &'static str,
    },
    /// Under the lower bound.
    #[error("must be at least {min}{}, not {given}", unit_after(.unit))]
    BelowMinimum {
        /// The value, escaped and cut.
        given: String,
        /// Smallest value.
        min: String,
        /// Unit of the bounds; may be empty.
        unit: &'static str,
    },
    /// Over the upper bound.
    #[error("must be at most {max}{}, not {given}", unit_after(.unit))]
    AboveMaximum {
        /// The value, escaped and cut.
        given: String,
        /// Largest value.
        max: String,
        /// Unit of the bounds; may be empty.
        unit: &'static str,
    },
    /// Not a word of the list.
    #[error("must be one of {}, not {given}", .of.join(", "))]
    NotListed {
        /// The value, escaped and cut.
        given: String,
        /// The words it takes.
        of: &'static [&'static str],
    },
    /// Neither `true` nor `false`.
    #[error("must be true or false, not {given}")]
    NotSwitch {
        /// The value, escaped and cut.
        given: String,
    },
    /// Excluded by another parameter that is also given.
    #[error("cannot be given together with {other}")]
    Excludes {
        /// The other parameter.
        other: &'static str,
    },
}

/// Why an input is nothing for a preset.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsuited {
    /// The preset shows or encodes pictures, the input has none.
    #[error("it has no video or picture")]
    NoVideo,
    /// The preset works on sound, the input has none.
    #[error("it has no audio")]
    NoAudio,
    /// The preset needs to know how long the input is.
    #[error("its duration is unknown")]
    NoDuration,
    /// A position lies behind the end.
    #[error("position {at_seconds} s lies behind its end at {duration_seconds:.3} s")]
    BehindEnd {
        /// The position asked for.
        at_seconds: f64,
        /// How long the input is.
        duration_seconds: f64,
    },
    /// The picture to be made would be larger than [`crate::PICTURE_SIDE_MAX`].
    #[error("the picture would be {width}x{height} pixels, the limit is {side_max} a side")]
    PictureTooLarge {
        /// Its width.
        width: u64,
        /// Its height.
        height: u64,
        /// The limit, in pixels.
        side_max: u32,
    },
    /// The container of the output cannot carry a stream of the input as it is.
    #[error("{container} cannot carry its {codec} stream unchanged")]
    Uncarried {
        /// The output's container.
        container: &'static str,
        /// The stream's codec as ffprobe calls it.
        codec: String,
    },
}

impl PresetError {
    /// What the person who sent the job can do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::UnknownPreset { nearest: Some(nearest), .. } => {
                format!("Did you mean {nearest}? `valet preset ls` lists all.")
            }
            Self::UnknownPreset { nearest: None, .. } => "`valet preset ls` lists all presets.".into(),
            Self::UnknownVersion { preset, newest, .. } => {
                format!("Use version {newest} of {preset}, the newest here, or update the workers.")
            }
            Self::UnknownParam { preset, nearest: Some(nearest), .. } => {
                format!("Did you mean {nearest}? `valet preset show {preset}` lists its parameters.")
            }
            Self::UnknownParam { preset, nearest: None, .. } | Self::BadParam { preset, .. } => {
                format!("`valet preset show {preset}` lists its parameters and their bounds.")
            }
            Self::Unsuited { problem, .. } => problem.advice().into(),
            Self::OverBounds { exceeded, .. } => exceeded.advice().into(),
            Self::Measurement { .. } => "Check that the input's audio plays; it may be damaged.".into(),
            Self::NoSuchPass { .. } | Self::UnsafeName { .. } => {
                "This is a mistake in the program: report it.".into()
            }
        }
    }
}

impl Unsuited {
    /// What the person who sent the job can do about it.
    fn advice(&self) -> &'static str {
        match self {
            Self::NoVideo => "Use a preset for audio, or check that this is the right input.",
            Self::NoAudio => "Use a preset for pictures, or check that this is the right input.",
            Self::NoDuration => "Remux the input first, so that it says how long it is.",
            Self::BehindEnd { .. } => "Give an earlier position, or use at_percent.",
            Self::PictureTooLarge { .. } => "Ask for fewer or smaller tiles.",
            Self::Uncarried { .. } => "Encode it instead, for example with h264-1080p or audio-aac.",
        }
    }
}

/// `unit` with a space before it, or nothing.
fn unit_after(unit: &str) -> String {
    if unit.is_empty() { String::new() } else { format!(" {unit}") }
}

/// Text of a message as it may be shown: control characters escaped, cut to [`SHOWN_CHARS_MAX`].
pub(crate) fn shown(text: &str) -> String {
    let mut escaped = text.chars().take(SHOWN_CHARS_MAX).flat_map(char::escape_debug);
    let mut shown: String = escaped.by_ref().take(SHOWN_CHARS_MAX).collect();
    if escaped.next().is_some() || text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// A JSON value as it may be shown; objects and arrays by their kind alone.
pub(crate) fn shown_value(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(on) => on.to_string(),
        Value::Number(number) => shown(&number.to_string()),
        Value::String(text) => format!("\"{}\"", shown(text)),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

/// The candidate most like `name`, if any is close enough to be a slip of the hand.
pub(crate) fn nearest(name: &str, candidates: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    const ALIKE_MIN: f64 = 0.75;
    if name.len() > SHOWN_CHARS_MAX {
        return None;
    }
    candidates
        .map(|candidate| (alike(name, candidate), candidate))
        .filter(|(alike, _)| *alike >= ALIKE_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// How alike two names are, from 0 to 1: by their beginnings, or by the few keys that were mistyped.
fn alike(name: &str, candidate: &str) -> f64 {
    let beginnings = strsim::jaro_winkler(name, candidate);
    beginnings.max(strsim::normalized_damerau_levenshtein(name, candidate) + 0.1)
}
