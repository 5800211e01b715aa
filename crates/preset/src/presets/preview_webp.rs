//! `preview-webp`: a few silent seconds as an animated WebP, finer and smaller than a GIF.

use crate::argv::{Args, Command, text};
use crate::check::{AudioRule, DurationRule, MediaCheck, MediaRules, SizeRule, VideoRule};
use crate::error::PresetError;
use crate::input::InputKind;
use crate::limits::PICTURE_MEMORY_BYTES;
use crate::param::{ParamSpec, Params};
use crate::preset::{ONE_PASS, Preset, PresetInfo, Scene};
use crate::presets::picture;

const PARAMS: &[ParamSpec] = &[
    picture::AT_SECONDS,
    picture::at_percent(10.0),
    picture::PREVIEW_SECONDS,
    ParamSpec::whole("width", (32, 1_280), 480, "px", "Largest width; never larger than the source"),
    picture::PREVIEW_RATE,
    ParamSpec::whole("quality", (1, 100), 60, "", "Quality: 100 is best and largest"),
];

/// The preset.
pub(crate) struct PreviewWebp;

impl Preset for PreviewWebp {
    fn info(&self) -> &'static PresetInfo {
        &PresetInfo {
            name: "preview-webp",
            version: 1,
            summary: "A few silent seconds as an animated WebP: smaller and finer than a GIF",
            content_type: "image/webp",
            output_extension: "webp",
            seekable_output: false,
            input: InputKind::Media,
            work: ONE_PASS,
            wall_seconds_default: 600,
            threads_max: 4,
            memory_bytes_max: PICTURE_MEMORY_BYTES,
            params: PARAMS,
        }
    }

    fn command(&self, scene: &Scene<'_>) -> Result<Command, PresetError> {
        let video = scene.video()?;
        let output = Args::default()
            .option("-map", text!["0:", video.index])
            .option("-vf", picture::preview(scene)?.then("format=yuv420p"))
            .words(&["-an", "-c:v", "libwebp_anim", "-compression_level", "4"])
            .option("-quality", scene.params.count("quality"))
            .words(&["-loop", "0", "-flags:v", "+bitexact", "-f", "webp"]);
        Ok(Command { input: picture::preview_stretch(scene)?, output, measures: false })
    }

    fn check(&self, _params: &Params) -> MediaCheck {
        MediaCheck::Media(MediaRules {
            format: "webp_pipe",
            video: Some(VideoRule { codec: Some("webp"), pixel_format: None, size: SizeRule::Unread }),
            audio: AudioRule::None,
            duration: DurationRule::Any,
        })
    }
}
