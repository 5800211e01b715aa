//! `audio-aac`: the sound as AAC in MP4 (`.m4a`).

use crate::argv::Command;
use crate::check::{AudioRule, DurationRule, MediaCheck, MediaRules};
use crate::error::PresetError;
use crate::input::InputKind;
use crate::limits::SOUND_MEMORY_BYTES;
use crate::param::{ParamSpec, Params};
use crate::preset::{ONE_PASS, Preset, PresetInfo, Scene};
use crate::presets::sound;

/// The preset.
pub(crate) struct AudioAac;

const PARAMS: &[ParamSpec] =
    &[ParamSpec::whole("kbps", (32, 320), 128, "kbit/s", "Bit rate"), sound::CHANNELS];

impl Preset for AudioAac {
    fn info(&self) -> &'static PresetInfo {
        &PresetInfo {
            name: "audio-aac",
            version: 1,
            summary: "The sound as AAC in M4A",
            content_type: "audio/mp4",
            output_extension: "m4a",
            seekable_output: true,
            input: InputKind::Media,
            work: ONE_PASS,
            wall_seconds_default: 1_800,
            threads_max: 1,
            memory_bytes_max: SOUND_MEMORY_BYTES,
            params: PARAMS,
        }
    }

    fn command(&self, scene: &Scene<'_>) -> Result<Command, PresetError> {
        let audio = scene.audio()?;
        let output = sound::only(audio)
            .append(sound::aac(audio, scene.params.count("kbps"), scene.params.count("channels")))
            .words(&["-movflags", "+faststart", "-f", "mp4"]);
        Ok(Command { output, ..Command::default() })
    }

    fn check(&self, _params: &Params) -> MediaCheck {
        MediaCheck::Media(MediaRules {
            format: "mp4",
            video: None,
            audio: AudioRule::Codec("aac"),
            duration: DurationRule::Same,
        })
    }
}
