//! `remux-mp4`: the streams as they are, in an MP4 whose index stands in front. Nothing is encoded.

use crate::argv::{Args, Command, text};
use crate::check::{AudioRule, DurationRule, MediaCheck, MediaRules, SizeRule, VideoRule};
use crate::error::{PresetError, Unsuited};
use crate::input::InputKind;
use crate::limits::SOUND_MEMORY_BYTES;
use crate::param::Params;
use crate::preset::{ONE_PASS, Preset, PresetInfo, Scene};

/// Video that players expect in MP4.
const VIDEO_CODECS: &[&str] = &["h264", "hevc", "av1", "vp9", "mpeg4"];

/// Sound that players expect in MP4.
const AUDIO_CODECS: &[&str] = &["aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"];

/// The preset.
pub(crate) struct RemuxMp4;

impl Preset for RemuxMp4 {
    fn info(&self) -> &'static PresetInfo {
        &PresetInfo {
            name: "remux-mp4",
            version: 1,
            summary: "The streams unchanged in an MP4 that starts to play at once; metadata removed",
            content_type: "video/mp4",
            output_extension: "mp4",
            seekable_output: true,
            input: InputKind::Media,
            work: ONE_PASS,
            wall_seconds_default: 3_600,
            threads_max: 1,
            memory_bytes_max: SOUND_MEMORY_BYTES,
            params: &[],
        }
    }

    fn command(&self, scene: &Scene<'_>) -> Result<Command, PresetError> {
        let facts = scene.facts;
        let mut output = Args::default();
        if let Some(video) = &facts.video {
            carried(scene, &video.codec, VIDEO_CODECS)?;
            output = output.option("-map", text!["0:", video.index]);
            if video.codec == "hevc" {
                output = output.words(&["-tag:v", "hvc1"]); // Apple players know no other
            }
        }
        for audio in facts.audio.iter().chain(&facts.other_audio) {
            carried(scene, &audio.codec, AUDIO_CODECS)?;
            output = output.option("-map", text!["0:", audio.index]);
        }
        output = output.words(&["-c", "copy", "-movflags", "+faststart", "-f", "mp4"]);
        Ok(Command { output, ..Command::default() })
    }

    fn check(&self, _params: &Params) -> MediaCheck {
        MediaCheck::Media(MediaRules {
            format: "mp4",
            video: Some(VideoRule { codec: None, pixel_format: None, size: SizeRule::Same }),
            audio: AudioRule::Same,
            duration: DurationRule::Same,
        })
    }
}

/// Refuses a stream that MP4 does not carry, with its name, before ffmpeg fails on it without one.
fn carried(scene: &Scene<'_>, codec: &str, codecs: &[&str]) -> Result<(), PresetError> {
    if codecs.contains(&codec) {
        return Ok(());
    }
    Err(scene.unsuited(Unsuited::Uncarried { container: "MP4", codec: codec.to_owned() }))
}
