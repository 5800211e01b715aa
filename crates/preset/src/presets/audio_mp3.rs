//! `audio-mp3`: the sound as MP3 with variable bit rate; its header is written last.

use crate::argv::Command;
use crate::check::{AudioRule, DurationRule, MediaCheck, MediaRules};
use crate::error::PresetError;
use crate::input::InputKind;
use crate::limits::SOUND_MEMORY_BYTES;
use crate::param::{ParamSpec, Params};
use crate::preset::{ONE_PASS, Preset, PresetInfo, Scene};
use crate::presets::sound;

/// The preset.
pub(crate) struct AudioMp3;

const PARAMS: &[ParamSpec] = &[
    ParamSpec::whole(
        "quality",
        (0, 9),
        2,
        "",
        "Quality of LAME: 0 is best (about 245 kbit/s), 9 smallest (65)",
    ),
    sound::CHANNELS,
];

impl Preset for AudioMp3 {
    fn info(&self) -> &'static PresetInfo {
        &PresetInfo {
            name: "audio-mp3",
            version: 1,
            summary: "The sound as MP3, variable bit rate: plays everywhere",
            content_type: "audio/mpeg",
            output_extension: "mp3",
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
            .words(&["-c:a", "libmp3lame"])
            .option("-q:a", scene.params.integer("quality"))
            .option("-ac", sound::channels(audio, scene.params.count("channels")))
            .option("-ar", sound::sample_rate(audio))
            .words(&["-flags:a", "+bitexact", "-f", "mp3"]);
        Ok(Command { output, ..Command::default() })
    }

    fn check(&self, _params: &Params) -> MediaCheck {
        MediaCheck::Media(MediaRules {
            format: "mp3",
            video: None,
            audio: AudioRule::Codec("mp3"),
            duration: DurationRule::Same,
        })
    }
}
