//! `av1-720p`: AV1 (SVT-AV1) and AAC in MP4, 720p at most.

use crate::argv::{Args, Command, text};
use crate::check::MediaCheck;
use crate::error::PresetError;
use crate::geometry::FrameBox;
use crate::input::InputKind;
use crate::limits::VIDEO_MEMORY_BYTES;
use crate::param::{ParamSpec, Params};
use crate::preset::{ONE_PASS, Preset, PresetInfo, Scene};
use crate::presets::film::{self, Container};
use crate::presets::sound;

/// The preset.
pub(crate) struct Av1Hd;

const PARAMS: &[ParamSpec] = &[
    ParamSpec::whole("crf", (20, 55), 35, "", "Quality: lower is better and larger"),
    ParamSpec::whole("speed", (4, 10), 8, "", "Encoder's speed: lower is slower and smaller"),
    sound::AUDIO_KBPS,
];

/// SVT-AV1 refuses sides under 64 pixels.
const LIMIT: FrameBox = FrameBox { least: 64, ..film::HD };

impl Preset for Av1Hd {
    fn info(&self) -> &'static PresetInfo {
        &PresetInfo {
            name: "av1-720p",
            version: 1,
            summary: "AV1 and AAC in MP4, 720p at most: the smallest, slow to make",
            content_type: "video/mp4",
            output_extension: "mp4",
            seekable_output: true,
            input: InputKind::Media,
            work: ONE_PASS,
            wall_seconds_default: 14_400,
            threads_max: 6,
            memory_bytes_max: VIDEO_MEMORY_BYTES,
            params: PARAMS,
        }
    }

    fn command(&self, scene: &Scene<'_>) -> Result<Command, PresetError> {
        let codec = Args::default()
            .words(&["-c:v", "libsvtav1"])
            .option("-preset", scene.params.integer("speed"))
            .option("-crf", scene.params.integer("crf"))
            .option("-svtav1-params", text!["lp=", scene.threads]);
        let output = film::encode(scene, LIMIT, codec, Container::Mp4)?;
        Ok(Command { output, ..Command::default() })
    }

    fn check(&self, _params: &Params) -> MediaCheck {
        film::check("av1", LIMIT, Container::Mp4)
    }
}
