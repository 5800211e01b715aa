//! `thumbnail`: one picture of a film, or a smaller picture of a picture, as JPEG.
//!
//! It shows the very picture at its position: ffmpeg seeks to the keyframe before and decodes from there, so
//! it reads at most one group of pictures (of a 1 GB film of 40 Mbit/s with keyframes 10 s apart: 12 to 53 MB,
//! measured). Taking the keyframe itself would read 6 MB, and show another picture: a matter for a version 2.

use crate::argv::{Args, Command, text};
use crate::check::{AudioRule, DurationRule, MediaCheck, MediaRules, SizeRule, VideoRule};
use crate::error::PresetError;
use crate::geometry::Frame;
use crate::input::InputKind;
use crate::limits::PICTURE_MEMORY_BYTES;
use crate::param::{ParamSpec, Params};
use crate::preset::{ONE_PASS, Preset, PresetInfo, Scene};
use crate::presets::picture;

const PARAMS: &[ParamSpec] = &[
    picture::AT_SECONDS,
    picture::at_percent(10.0),
    ParamSpec::whole("width", (16, 4_096), 640, "px", "Largest width; never larger than the source"),
    picture::JPEG_QUALITY,
];

/// The preset.
pub(crate) struct Thumbnail;

impl Preset for Thumbnail {
    fn info(&self) -> &'static PresetInfo {
        &PresetInfo {
            name: "thumbnail",
            version: 1,
            summary: "One picture as JPEG, at a time or a share of the length",
            content_type: "image/jpeg",
            output_extension: "jpg",
            seekable_output: false,
            input: InputKind::MediaOrPicture,
            work: ONE_PASS,
            wall_seconds_default: 300,
            threads_max: 4,
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
            .append(picture::jpeg(scene.params));
        Ok(Command { input: picture::seek(picture::position_seconds(scene, 0.0)?), output, measures: false })
    }

    fn check(&self, params: &Params) -> MediaCheck {
        let size = SizeRule::FitWidth(params.count("width"));
        MediaCheck::Media(MediaRules {
            format: "jpeg_pipe",
            video: Some(VideoRule { codec: Some("mjpeg"), pixel_format: None, size }),
            audio: AudioRule::None,
            duration: DurationRule::Any,
        })
    }
}
