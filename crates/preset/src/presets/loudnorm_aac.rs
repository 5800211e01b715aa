//! `loudnorm-aac`: the sound at an even loudness (EBU R128) as AAC. Two passes: the first measures, the
//! second applies one gain to the whole (linear) where peak and range permit, else loudnorm's own dynamics.

use crate::argv::{Command, Filters, Text, text};
use crate::check::{AudioRule, DurationRule, MediaCheck, MediaRules};
use crate::error::PresetError;
use crate::input::InputKind;
use crate::limits::SOUND_MEMORY_BYTES;
use crate::loudness::Loudness;
use crate::param::{ParamSpec, Params};
use crate::preset::{Capture, Pass, Preset, PresetInfo, Scene, Work};
use crate::presets::sound;

/// The target of EBU R128 is −23 LUFS. Its peak limit of −1 dBTP is for PCM: AAC overshoots by up to 1 dB.
/// R128 sets no range; above the target's range loudnorm compresses, so the default leaves nearly all alone.
const PARAMS: &[ParamSpec] = &[
    ParamSpec::decimal("loudness", (-36.0, -10.0), -23.0, "LUFS", "Integrated loudness of the result"),
    ParamSpec::decimal(
        "true_peak",
        (-9.0, -0.5),
        -2.0,
        "dBTP",
        "Highest true peak before AAC, which can add 1 dB",
    ),
    ParamSpec::decimal("range", (1.0, 50.0), 20.0, "LU", "Widest loudness range that is left as it is"),
    ParamSpec::whole("kbps", (32, 320), 128, "kbit/s", "Bit rate"),
    sound::CHANNELS,
];

const PASSES: &[Pass] = &[
    Pass { name: "measure", capture: Capture::StderrTail, share_percent: 45 },
    Pass { name: "encode", capture: Capture::Nothing, share_percent: 55 },
];

/// The preset.
pub(crate) struct LoudnormAac;

impl Preset for LoudnormAac {
    fn info(&self) -> &'static PresetInfo {
        &PresetInfo {
            name: "loudnorm-aac",
            version: 1,
            summary: "The sound at an even loudness (EBU R128) as AAC in M4A",
            content_type: "audio/mp4",
            output_extension: "m4a",
            seekable_output: true,
            input: InputKind::Media,
            work: Work::Transcode(PASSES),
            wall_seconds_default: 3_600,
            threads_max: 1,
            memory_bytes_max: SOUND_MEMORY_BYTES,
            params: PARAMS,
        }
    }

    fn command(&self, scene: &Scene<'_>) -> Result<Command, PresetError> {
        if scene.pass == 0 { measure(scene) } else { encode(scene) }
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

fn measure(scene: &Scene<'_>) -> Result<Command, PresetError> {
    let audio = scene.audio()?;
    let chain = mixed_down(scene)?.then(target(scene.params).then(":print_format=json"));
    let output = sound::only(audio).option("-af", chain).words(&["-f", "null"]);
    Ok(Command { output, measures: true, ..Command::default() })
}

fn encode(scene: &Scene<'_>) -> Result<Command, PresetError> {
    let audio = scene.audio()?;
    let mixed = mixed_down(scene)?;
    let measured = Loudness::parse(scene.previous.unwrap_or_default())
        .map_err(|cause| PresetError::Measurement { preset: scene.preset, cause })?;
    let chain = match measured {
        Some(found) => mixed.then(target(scene.params).then(applied(found))),
        None => mixed, // silence: any gain would only lift its noise
    };
    let output = sound::only(audio)
        .option("-af", chain)
        .append(sound::aac(audio, scene.params.count("kbps"), scene.params.count("channels")))
        .words(&["-movflags", "+faststart", "-f", "mp4"]);
    Ok(Command { output, ..Command::default() })
}

/// The mix that is heard in the end, made before measuring: surround loses loudness when it is mixed down.
fn mixed_down(scene: &Scene<'_>) -> Result<Filters, PresetError> {
    let mono = sound::channels(scene.audio()?, scene.params.count("channels")) == 1;
    Ok(Filters::default().then(if mono {
        "aformat=channel_layouts=mono"
    } else {
        "aformat=channel_layouts=stereo"
    }))
}

fn target(params: &Params) -> Text {
    text![
        "loudnorm=I=",
        params.decimal("loudness"),
        ":TP=",
        params.decimal("true_peak"),
        ":LRA=",
        params.decimal("range"),
    ]
}

fn applied(found: Loudness) -> Text {
    text![
        ":measured_I=",
        found.integrated,
        ":measured_TP=",
        found.true_peak,
        ":measured_LRA=",
        found.range,
        ":measured_thresh=",
        found.threshold,
        ":offset=",
        found.offset,
        ":linear=true",
    ]
}
