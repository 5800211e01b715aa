//! `vp9-webm-720p`: VP9 and Opus in WebM, 720p at most.

use crate::argv::{Args, Command};
use crate::check::MediaCheck;
use crate::error::PresetError;
use crate::input::InputKind;
use crate::limits::VIDEO_MEMORY_BYTES;
use crate::param::{ParamSpec, Params};
use crate::preset::{ONE_PASS, Preset, PresetInfo, Scene};
use crate::presets::film::{self, Container};

/// The preset.
pub(crate) struct Vp9Hd;

const PARAMS: &[ParamSpec] = &[
    ParamSpec::whole("crf", (15, 50), 33, "", "Quality: lower is better and larger"),
    ParamSpec::whole("speed", (1, 5), 3, "", "Encoder's speed: lower is slower and smaller"),
    ParamSpec::whole("audio_kbps", (32, 256), 96, "kbit/s", "Bit rate of the sound"),
];

impl Preset for Vp9Hd {
    fn info(&self) -> &'static PresetInfo {
        &PresetInfo {
            name: "vp9-webm-720p",
            version: 1,
            summary: "VP9 and Opus in WebM, 720p at most: royalty-free, plays in browsers",
            content_type: "video/webm",
            output_extension: "webm",
            seekable_output: true,
            input: InputKind::Media,
            work: ONE_PASS,
            wall_seconds_default: 14_400,
            threads_max: 8,
            memory_bytes_max: VIDEO_MEMORY_BYTES,
            params: PARAMS,
        }
    }

    fn command(&self, scene: &Scene<'_>) -> Result<Command, PresetError> {
        let codec = Args::default()
            // Constant quality needs the bit rate to be zero.
            .words(&["-c:v", "libvpx-vp9", "-b:v", "0", "-deadline", "good", "-row-mt", "1"])
            .words(&["-tile-columns", "2"])
            .option("-cpu-used", scene.params.integer("speed"))
            .option("-crf", scene.params.integer("crf"));
        let output = film::encode(scene, film::HD, codec, Container::Webm)?;
        Ok(Command { output, ..Command::default() })
    }

    fn check(&self, _params: &Params) -> MediaCheck {
        film::check("vp9", film::HD, Container::Webm)
    }
}
