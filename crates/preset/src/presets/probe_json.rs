//! `probe-json`: what ffprobe says about the input, as a JSON document. Nothing is encoded.

use crate::argv::Command;
use crate::check::MediaCheck;
use crate::error::PresetError;
use crate::input::InputKind;
use crate::limits::PROBE_MEMORY_BYTES;
use crate::param::{ParamSpec, Params};
use crate::preset::{Preset, PresetInfo, Scene, Work};

/// Tags are off by default: they hold places and names, and the output may be another party's.
const PARAMS: &[ParamSpec] =
    &[ParamSpec::switch("tags", false, "Also what people and cameras wrote into the file: titles, places")];

/// The preset.
pub(crate) struct ProbeJson;

impl Preset for ProbeJson {
    fn info(&self) -> &'static PresetInfo {
        &PresetInfo {
            name: "probe-json",
            version: 1,
            summary: "What ffprobe says about the input as JSON",
            content_type: "application/json",
            output_extension: "json",
            seekable_output: false,
            input: InputKind::MediaOrPicture,
            work: Work::Probe,
            wall_seconds_default: 300,
            threads_max: 1,
            memory_bytes_max: PROBE_MEMORY_BYTES,
            params: PARAMS,
        }
    }

    fn command(&self, _scene: &Scene<'_>) -> Result<Command, PresetError> {
        Ok(Command::default()) // ffmpeg is not started; the plan calls ffprobe
    }

    fn check(&self, _params: &Params) -> MediaCheck {
        MediaCheck::Document
    }
}
