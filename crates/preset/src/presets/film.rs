//! What the video presets share: size, dynamic range, frame rate, sound, container. The codec differs.

use crate::argv::{Args, Filters, text};
use crate::check::{AudioRule, DurationRule, MediaCheck, MediaRules, SizeRule, VideoRule};
use crate::error::PresetError;
use crate::facts::VideoFacts;
use crate::geometry::{Frame, FrameBox};
use crate::limits::FRAMES_PER_SECOND_MAX;
use crate::preset::Scene;
use crate::presets::{picture, sound};

/// 720p: 1280 by 720, or 720 by 1280.
pub(crate) const HD: FrameBox = FrameBox { long: 1_280, short: 720, least: 2 };

/// 1080p: 1920 by 1080, or 1080 by 1920.
pub(crate) const FULL_HD: FrameBox = FrameBox { long: 1_920, short: 1_080, least: 2 };

/// Speeds of x264 and x265, fastest first.
pub(crate) const SPEEDS: &[&str] =
    &["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower"];

/// Channels of the sound beside a video.
const CHANNELS_MAX: u32 = 2;

/// The container of a film and the sound that goes with it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Container {
    /// MP4 with AAC, index in front.
    Mp4,
    /// WebM with Opus.
    Webm,
}

/// Options of a film: `codec` holds those of the video encoder.
pub(crate) fn encode(
    scene: &Scene<'_>,
    limit: FrameBox,
    codec: Args,
    container: Container,
) -> Result<Args, PresetError> {
    let video = scene.video()?;
    Ok(Args::default()
        .option("-map", text!["0:", video.index])
        .option("-vf", filters(video, limit))
        .append(codec)
        .option("-g", keyframe_interval(video))
        .option("-fpsmax", FRAMES_PER_SECOND_MAX)
        .words(&["-flags:v", "+bitexact"])
        .append(with_sound(scene, container))
        .words(match container {
            Container::Mp4 => &["-movflags", "+faststart", "-f", "mp4"],
            Container::Webm => &["-f", "webm"],
        }))
}

/// Filters from the source to 8-bit 4:2:0 in the box, the one form that every player shows.
fn filters(video: &VideoFacts, limit: FrameBox) -> Filters {
    let frame = Frame::displayed(video).fit(limit);
    let upright = picture::upright(video, frame);
    let padded = frame.padded(limit);
    let whole = if padded == frame {
        upright
    } else {
        upright.then(text!["pad=", padded.width, ":", padded.height, ":-1:-1"])
    };
    whole.then("scale=out_range=tv").then("format=yuv420p")
}

/// Frames from one keyframe to the next: four seconds, so that players seek quickly.
fn keyframe_interval(video: &VideoFacts) -> u32 {
    const SECONDS: f64 = 4.0;
    const FRAMES_MIN: f64 = 12.0;
    let frames_per_second = video.frames_per_second.unwrap_or(25.0).min(f64::from(FRAMES_PER_SECOND_MAX));
    (frames_per_second * SECONDS).round().max(FRAMES_MIN) as u32 // at most 240
}

/// Options of the sound. A first sample later than the first picture is filled up with silence, and gaps
/// too, or sound and picture would part.
fn with_sound(scene: &Scene<'_>, container: Container) -> Args {
    let Some(audio) = &scene.facts.audio else {
        return Args::default().words(&["-an"]);
    };
    let kbps = scene.params.count("audio_kbps");
    Args::default()
        .option("-map", text!["0:", audio.index])
        .words(&["-af", "aresample=async=1:first_pts=0"])
        .append(match container {
            Container::Mp4 => sound::aac(audio, kbps, CHANNELS_MAX),
            Container::Webm => sound::opus(audio, kbps, CHANNELS_MAX),
        })
}

/// What a film must be like.
pub(crate) fn check(codec: &'static str, limit: FrameBox, container: Container) -> MediaCheck {
    let (format, sound) = match container {
        Container::Mp4 => ("mp4", "aac"),
        Container::Webm => ("webm", "opus"),
    };
    MediaCheck::Media(MediaRules {
        format,
        video: Some(VideoRule {
            codec: Some(codec),
            pixel_format: Some("yuv420p"),
            size: SizeRule::Fit(limit),
        }),
        audio: AudioRule::CodecIfAny(sound),
        duration: DurationRule::Same,
    })
}
