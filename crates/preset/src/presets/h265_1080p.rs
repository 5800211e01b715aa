//! `h265-1080p`: H.265 Main and AAC in MP4, 1080p at most, tagged `hvc1` as Apple wants it.

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
pub(crate) struct H265FullHd;

const PARAMS: &[ParamSpec] = &[
    ParamSpec::whole("crf", (16, 40), 26, "", "Quality: lower is better and larger"),
    ParamSpec::word("speed", film::SPEEDS, "fast", "Encoder's speed: slower is smaller at the same quality"),
    sound::AUDIO_KBPS,
];

/// x265 refuses sides under 16 pixels.
const LIMIT: FrameBox = FrameBox { least: 16, ..film::FULL_HD };

impl Preset for H265FullHd {
    fn info(&self) -> &'static PresetInfo {
        &PresetInfo {
            name: "h265-1080p",
            version: 1,
            summary: "H.265 and AAC in MP4, 1080p at most: smaller than H.264, slower to make",
            content_type: "video/mp4",
            output_extension: "mp4",
            seekable_output: true,
            input: InputKind::Media,
            work: ONE_PASS,
            wall_seconds_default: 14_400,
            threads_max: 16,
            memory_bytes_max: VIDEO_MEMORY_BYTES,
            params: PARAMS,
        }
    }

    fn command(&self, scene: &Scene<'_>) -> Result<Command, PresetError> {
        let codec = Args::default()
            .words(&["-c:v", "libx265", "-profile:v", "main", "-tag:v", "hvc1"])
            .words(&["-preset", scene.params.choice("speed")])
            .option("-crf", scene.params.integer("crf"))
            // x265 makes a thread for every core of the machine unless its pool is bounded.
            .option("-x265-params", text!["log-level=error:pools=", scene.threads]);
        let output = film::encode(scene, LIMIT, codec, Container::Mp4)?;
        Ok(Command { output, ..Command::default() })
    }

    fn check(&self, _params: &Params) -> MediaCheck {
        film::check("hevc", LIMIT, Container::Mp4)
    }
}
