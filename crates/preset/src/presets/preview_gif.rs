//! `preview-gif`: a few silent seconds as an animated GIF with a palette of its own.

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
    ParamSpec::whole("width", (32, 640), 320, "px", "Largest width; never larger than the source"),
    picture::PREVIEW_RATE,
    ParamSpec::whole("colors", (8, 256), 128, "", "Colours of the palette"),
];

/// The preset.
pub(crate) struct PreviewGif;

impl Preset for PreviewGif {
    fn info(&self) -> &'static PresetInfo {
        &PresetInfo {
            name: "preview-gif",
            version: 1,
            summary: "A few silent seconds as an animated GIF",
            content_type: "image/gif",
            output_extension: "gif",
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
        // The palette is made of what moves, so that a still background does not eat it.
        let graph = text![
            "[0:",
            video.index,
            "]",
            picture::preview(scene)?,
            ",split[a][b];[a]palettegen=stats_mode=diff:max_colors=",
            scene.params.count("colors"),
            "[p];[b][p]paletteuse=dither=bayer:bayer_scale=4:diff_mode=rectangle",
        ];
        let output = Args::default().option("-filter_complex", graph).words(&[
            "-an",
            "-loop",
            "0",
            "-flags:v",
            "+bitexact",
            "-f",
            "gif",
        ]);
        Ok(Command { input: picture::preview_stretch(scene)?, output, measures: false })
    }

    fn check(&self, params: &Params) -> MediaCheck {
        let size = SizeRule::FitWidthEven(params.count("width"));
        MediaCheck::Media(MediaRules {
            format: "gif",
            video: Some(VideoRule { codec: Some("gif"), pixel_format: None, size }),
            audio: AudioRule::None,
            duration: DurationRule::AtMost(params.decimal("seconds")),
        })
    }
}
