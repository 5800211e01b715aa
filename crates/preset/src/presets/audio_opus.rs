//! `audio-opus`: the sound as Opus in Ogg.

use crate::argv::Command;
use crate::check::{AudioRule, DurationRule, MediaCheck, MediaRules};
use crate::error::PresetError;
use crate::input::InputKind;
use crate::limits::SOUND_MEMORY_BYTES;
use crate::param::{ParamSpec, Params};
use crate::preset::{ONE_PASS, Preset, PresetInfo, Scene};
use crate::presets::sound;

/// The preset.
pub(crate) struct AudioOpus;

const PARAMS: &[ParamSpec] =
    &[ParamSpec::whole("kbps", (16, 256), 96, "kbit/s", "Bit rate"), sound::CHANNELS];

impl Preset for AudioOpus {
    fn info(&self) -> &'static PresetInfo {
        &PresetInfo {
            name: "audio-opus",
            version: 1,
            summary: "The sound as Opus in Ogg: the smallest",
            content_type: "audio/ogg",
            output_extension: "opus",
            seekable_output: false,
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
            .append(sound::opus(audio, scene.params.count("kbps"), scene.params.count("channels")))
            .words(&["-f", "ogg"]);
        Ok(Command { output, ..Command::default() })
    }

    fn check(&self, _params: &Params) -> MediaCheck {
        MediaCheck::Media(MediaRules {
            format: "ogg",
            video: None,
            audio: AudioRule::Codec("opus"),
            duration: DurationRule::Same,
        })
    }
}
