//! `copy`: the bytes as they are. For checks of the plumbing; ffmpeg is never started.

use crate::argv::Command;
use crate::check::MediaCheck;
use crate::error::PresetError;
use crate::input::InputKind;
use crate::limits::SOUND_MEMORY_BYTES;
use crate::param::Params;
use crate::preset::{Preset, PresetInfo, Scene, Work};

/// The preset.
pub(crate) struct Copy;

impl Preset for Copy {
    fn info(&self) -> &'static PresetInfo {
        &PresetInfo {
            name: "copy",
            version: 1,
            summary: "The input's bytes, unchanged and unread: checks the plumbing",
            content_type: "application/octet-stream",
            output_extension: "",
            seekable_output: false,
            input: InputKind::Bytes,
            work: Work::Copy,
            wall_seconds_default: 3_600,
            threads_max: 1,
            memory_bytes_max: SOUND_MEMORY_BYTES,
            params: &[],
        }
    }

    fn command(&self, _scene: &Scene<'_>) -> Result<Command, PresetError> {
        Ok(Command::default())
    }

    fn check(&self, _params: &Params) -> MediaCheck {
        MediaCheck::Bytes
    }
}
