//! `image-webp`: a picture as WebP: upright, smaller if wanted, without a word of what the camera noted.

use crate::argv::{Args, Command, text};
use crate::check::{AudioRule, DurationRule, MediaCheck, MediaRules, SizeRule, VideoRule};
use crate::error::PresetError;
use crate::geometry::Frame;
use crate::input::InputKind;
use crate::limits::{PICTURE_MEMORY_BYTES, PICTURE_SIDE_MAX};
use crate::param::{ParamSpec, Params};
use crate::preset::{ONE_PASS, Preset, PresetInfo, Scene};
use crate::presets::picture;

const PARAMS: &[ParamSpec] = &[
    ParamSpec::whole(
        "width",
        (16, PICTURE_SIDE_MAX as i64),
        1_600,
        "px",
        "Largest width; never larger than the source",
    ),
    ParamSpec::whole("quality", (1, 100), 80, "", "Quality: 100 is best and largest"),
    ParamSpec::switch("lossless", false, "Every pixel exact, for graphics; quality then means effort"),
];

/// The preset.
pub(crate) struct ImageWebp;

impl Preset for ImageWebp {
    fn info(&self) -> &'static PresetInfo {
        &PresetInfo {
            name: "image-webp",
            version: 1,
            summary: "A picture as WebP: upright, resized, metadata removed",
            content_type: "image/webp",
            output_extension: "webp",
            seekable_output: false,
            input: InputKind::Picture,
            work: ONE_PASS,
            wall_seconds_default: 300,
            threads_max: 2,
            memory_bytes_max: PICTURE_MEMORY_BYTES,
            params: PARAMS,
        }
    }

    fn command(&self, scene: &Scene<'_>) -> Result<Command, PresetError> {
        let video = scene.video()?;
        let frame = Frame::displayed(video).fit_width(scene.params.count("width"));
        let output = Args::default()
            .option("-map", text!["0:", video.index])
            .option("-vf", picture::upright(video, frame))
            .words(&["-frames:v", "1", "-c:v", "libwebp", "-compression_level", "4"])
            .words(&["-lossless", if scene.params.switch("lossless") { "1" } else { "0" }])
            .option("-quality", scene.params.count("quality"))
            .words(&["-flags:v", "+bitexact", "-f", "webp"]);
        Ok(Command { output, ..Command::default() })
    }

    fn check(&self, params: &Params) -> MediaCheck {
        let size = SizeRule::FitWidth(params.count("width"));
        MediaCheck::Media(MediaRules {
            format: "webp_pipe",
            video: Some(VideoRule { codec: Some("webp"), pixel_format: None, size }),
            audio: AudioRule::None,
            duration: DurationRule::Any,
        })
    }
}
