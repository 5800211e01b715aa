//! What ffmpeg may be asked to do: a versioned preset name and typed, bounded parameters become
//! argument lists, an output type, budgets and a check of the result.
//!
//! It must never do I/O, start a process, or let a string from a message into an argument list: parameters
//! become numbers, switches and words of closed lists ([`ParamValue`] holds nothing else), and argument
//! lists are built from those ([`resolve`], [`Plan::argv`]).

mod answer;
mod argv;
mod bounds;
mod catalogue;
mod check;
mod decoders;
mod document;
mod error;
mod facts;
mod geometry;
mod input;
mod limits;
mod loudness;
mod param;
mod plan;
mod preset;
mod presets;
mod probe;

pub use bounds::{Bounds, Exceeded};
pub use catalogue::{catalogue, find, resolve};
pub use check::{AudioRule, CheckFailure, DurationRule, MediaCheck, MediaRules, SizeRule, VideoRule};
pub use decoders::Decoder;
pub use document::catalogue_markdown;
pub use error::{ParamProblem, PresetError, Unsuited};
pub use facts::{AudioFacts, FactsError, MediaFacts, Transfer, VideoFacts};
pub use geometry::{Frame, FrameBox};
pub use input::{Demuxer, INPUT_URL, InputKind};
pub use limits::*;
pub use param::{ParamKind, ParamSpec, ParamValue, Params};
pub use plan::{Plan, Sources};
pub use preset::{Capture, Pass, Preset, PresetInfo, Scene, Work};
pub use probe::probe_argv;
