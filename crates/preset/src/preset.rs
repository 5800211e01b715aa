//! What a preset is: facts about it ([`PresetInfo`]), arguments it wants, and a check of its result.
//! A preset must never do I/O: it sees parameters and facts, and answers with values.

use serde::Serialize;

use crate::argv::Command;
use crate::bounds::Bounds;
use crate::check::MediaCheck;
use crate::error::{PresetError, Unsuited};
use crate::facts::{AudioFacts, MediaFacts, VideoFacts};
use crate::input::InputKind;
use crate::limits::THREADS_MAX;
use crate::param::{ParamSpec, Params};

/// One preset. Each lives in a file of its own under `presets/` and has one line in the catalogue.
pub trait Preset: Sync {
    /// What is fixed about it.
    fn info(&self) -> &'static PresetInfo;

    /// Whether parameters that are each valid also fit together.
    ///
    /// # Errors
    /// [`PresetError::BadParam`].
    fn agree(&self, _params: &Params) -> Result<(), PresetError> {
        Ok(())
    }

    /// The arguments of one pass.
    ///
    /// # Errors
    /// [`PresetError::Unsuited`] when the input is nothing for this preset, [`PresetError::Measurement`]
    /// when the pass before left no usable figures.
    fn command(&self, scene: &Scene<'_>) -> Result<Command, PresetError>;

    /// What its result must be like.
    fn check(&self, params: &Params) -> MediaCheck;
}

/// What is fixed about a preset.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PresetInfo {
    /// Its name in messages, kebab-case.
    pub name: &'static str,
    /// Its version: raised whenever its result changes for the same input and parameters.
    pub version: u32,
    /// One line for people.
    pub summary: &'static str,
    /// Content type of the output.
    pub content_type: &'static str,
    /// Usual extension of the output's name, without a dot. Empty when it is the input's own.
    pub output_extension: &'static str,
    /// Whether ffmpeg seeks in the output while it writes, so that it cannot be streamed.
    pub seekable_output: bool,
    /// Which inputs it takes, as a list of demuxers.
    pub input: InputKind,
    /// What has to be run.
    pub work: Work,
    /// Wall-clock limit when the message gives none, in seconds.
    pub wall_seconds_default: u32,
    /// Most threads it makes good use of. Give it that many or fewer.
    pub threads_max: u32,
    /// Private memory (`RLIMIT_DATA`) that suits its largest input, in bytes.
    pub memory_bytes_max: u64,
    /// The parameters it takes.
    pub params: &'static [ParamSpec],
}

/// What has to be run for a preset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Nothing: the output is the input, byte for byte. No facts are needed.
    Copy,
    /// ffprobe once, with the arguments of pass 0; its stdout is the output. No facts are needed before.
    Probe,
    /// ffmpeg once for each pass, in order; the last one writes the output.
    Transcode(&'static [Pass]),
}

/// One run of ffmpeg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pass {
    /// What it does, for progress and logs.
    pub name: &'static str,
    /// What the next pass needs of it.
    pub capture: Capture,
    /// Its share of the whole time, in percent; all passes add up to 100.
    pub share_percent: u8,
}

/// What has to be kept of a pass's output for the next pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capture {
    /// Nothing.
    Nothing,
    /// The end of its stderr, [`crate::MEASUREMENT_BYTES_MAX`] bytes at most.
    StderrTail,
}

/// The one pass of most presets.
pub(crate) const ONE_PASS: Work =
    Work::Transcode(&[Pass { name: "encode", capture: Capture::Nothing, share_percent: 100 }]);

/// What a preset sees when it is asked for arguments.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    pub(crate) preset: &'static str,
    pub(crate) params: &'a Params,
    pub(crate) facts: &'a MediaFacts,
    pub(crate) threads: u32,
    pub(crate) pass: usize,
    pub(crate) previous: Option<&'a str>,
}

impl<'a> Scene<'a> {
    /// The input's first video stream that is no cover picture.
    pub(crate) fn video(&self) -> Result<&'a VideoFacts, PresetError> {
        self.facts.video.as_ref().ok_or_else(|| self.unsuited(Unsuited::NoVideo))
    }

    /// The input's first audio stream.
    pub(crate) fn audio(&self) -> Result<&'a AudioFacts, PresetError> {
        self.facts.audio.as_ref().ok_or_else(|| self.unsuited(Unsuited::NoAudio))
    }

    /// Refuses what would be read only in part, or cost more than it may.
    pub(crate) fn within(&self, bounds: &Bounds) -> Result<(), PresetError> {
        match self.facts.exceeds(bounds) {
            Some(exceeded) => Err(PresetError::OverBounds { preset: self.preset, exceeded }),
            None => Ok(()),
        }
    }

    /// The error that this input does not fit.
    pub(crate) fn unsuited(&self, problem: Unsuited) -> PresetError {
        PresetError::Unsuited { preset: self.preset, problem }
    }

    /// Threads to use: what the worker gives, within what the preset makes use of.
    pub(crate) fn threads(threads: u32, info: &PresetInfo) -> u32 {
        threads.clamp(1, info.threads_max.min(THREADS_MAX))
    }
}
