//! `h264-720p`: H.264 High and AAC in MP4, 720p at most. Plays everywhere.

use crate::argv::{Args, Command};
use crate::check::MediaCheck;
use crate::error::PresetError;
use crate::input::InputKind;
use crate::limits::VIDEO_MEMORY_BYTES;
use crate::param::{ParamSpec, Params};
use crate::preset::{ONE_PASS, Preset, PresetInfo, Scene};
use crate::presets::film::{self, Container};
use crate::presets::sound;

/// The preset.
pub(crate) struct H264Hd;

const PARAMS: &[ParamSpec] = &[
    ParamSpec::whole("crf", (16, 40), 23, "", "Quality: lower is better and larger"),
    ParamSpec::word("speed", film::SPEEDS, "fast", "Encoder's speed: slower is smaller at the same quality"),
    sound::AUDIO_KBPS,
];

impl Preset for H264Hd {
    fn info(&self) -> &'static PresetInfo {
        &PresetInfo {
            name: "h264-720p",
            version: 1,
            summary: "H.264 and AAC in MP4, 720p at most: plays everywhere",
            content_type: "video/mp4",
            output_extension: "mp4",
            seekable_output: true,
            input: InputKind::Media,
            work: ONE_PASS,
            wall_seconds_default: 3_600,
            threads_max: 16,
            memory_bytes_max: VIDEO_MEMORY_BYTES,
            params: PARAMS,
        }
    }

    fn command(&self, scene: &Scene<'_>) -> Result<Command, PresetError> {
        let codec = Args::default()
            .words(&["-c:v", "libx264", "-profile:v", "high", "-preset", scene.params.choice("speed")])
            .option("-crf", scene.params.integer("crf"));
        let output = film::encode(scene, film::HD, codec, Container::Mp4)?;
        Ok(Command { output, ..Command::default() })
    }

    fn check(&self, _params: &Params) -> MediaCheck {
        film::check("h264", film::HD, Container::Mp4)
    }
}
