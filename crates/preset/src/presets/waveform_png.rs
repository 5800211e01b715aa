//! `waveform-png`: the shape of the sound over its whole length, as a PNG for a player's time bar.

use crate::argv::{Args, Command, text};
use crate::check::{AudioRule, DurationRule, MediaCheck, MediaRules, SizeRule, VideoRule};
use crate::error::PresetError;
use crate::facts::AudioFacts;
use crate::geometry::Frame;
use crate::input::InputKind;
use crate::limits::SOUND_MEMORY_BYTES;
use crate::param::{ParamSpec, Params};
use crate::preset::{ONE_PASS, Preset, PresetInfo, Scene};

const PARAMS: &[ParamSpec] = &[
    ParamSpec::whole("width", (64, 4_096), 1_200, "px", "Width of the picture"),
    ParamSpec::whole("height", (16, 1_024), 200, "px", "Height of the picture"),
    ParamSpec::word(
        "color",
        &["blue", "green", "orange", "gray", "black", "white"],
        "blue",
        "Colour of the wave",
    ),
    ParamSpec::word(
        "background",
        &["transparent", "white", "black"],
        "transparent",
        "What is behind the wave",
    ),
    ParamSpec::word(
        "scale",
        &["linear", "root", "log"],
        "linear",
        "How height follows loudness: root and log lift quiet sound",
    ),
];

/// The preset.
pub(crate) struct WaveformPng;

impl Preset for WaveformPng {
    fn info(&self) -> &'static PresetInfo {
        &PresetInfo {
            name: "waveform-png",
            version: 1,
            summary: "The shape of the sound over its whole length as a PNG",
            content_type: "image/png",
            output_extension: "png",
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
        let params = scene.params;
        let size = text![params.count("width"), "x", params.count("height")];
        let color = color(params.choice("color"));
        let wave = text![
            "[0:",
            audio.index,
            "]aformat=channel_layouts=mono,aresample=",
            sample_rate(audio, scene.facts.duration_seconds),
            ",showwavespic=filter=peak:scale=",
            scale(params.choice("scale")),
            ":s=",
            size.clone(),
            ":colors=",
            color,
            "[wave]",
        ];
        let (wave, top) = match background(params.choice("background")) {
            None => (wave, "[wave]"),
            Some(behind) => {
                let under = text![";color=c=", behind, ":s=", size, "[behind]"];
                (text![wave, under, ";[behind][wave]overlay=format=auto[shown]"], "[shown]")
            }
        };
        // A line in the middle keeps silence visible. Not drawbox: its `replace` crashes here in ffmpeg 5.1.
        let line = text![";color=c=", color, ":s=", params.count("width"), "x1[line]"];
        let middle = (params.count("height") - 1) / 2;
        let graph = text![wave, line, ";", top, "[line]overlay=format=auto:y=", middle];
        let output = Args::default().option("-filter_complex", graph).words(&[
            "-an",
            "-frames:v",
            "1",
            "-c:v",
            "png",
            "-flags:v",
            "+bitexact",
            "-f",
            "image2pipe",
        ]);
        Ok(Command { output, ..Command::default() })
    }

    fn check(&self, params: &Params) -> MediaCheck {
        let frame = Frame { width: params.count("width"), height: params.count("height") };
        MediaCheck::Media(MediaRules {
            format: "png_pipe",
            video: Some(VideoRule { codec: Some("png"), pixel_format: None, size: SizeRule::Exactly(frame) }),
            audio: AudioRule::None,
            duration: DurationRule::Any,
        })
    }
}

/// showwavespic keeps every sample until the end: a day at 48 kHz would be 16 GB. At most 24 million are
/// kept (about 100 MB), which is thousands for each column of the picture.
fn sample_rate(audio: &AudioFacts, duration_seconds: Option<f64>) -> u32 {
    const SAMPLES_MAX: f64 = 24_000_000.0;
    const RATE_UNKNOWN: u32 = 8_000;
    let known = if audio.sample_rate == 0 { RATE_UNKNOWN } else { audio.sample_rate };
    let affordable = SAMPLES_MAX / duration_seconds.unwrap_or(SAMPLES_MAX / f64::from(RATE_UNKNOWN));
    known.min(affordable.clamp(250.0, 48_000.0) as u32) // within u32 after the clamp
}

fn color(name: &'static str) -> &'static str {
    match name {
        "green" => "0x2e9e5b",
        "orange" => "0xe8590c",
        "gray" => "0x868e96",
        "black" => "0x000000",
        "white" => "0xffffff",
        _ => "0x1c7ed6",
    }
}

fn scale(name: &'static str) -> &'static str {
    match name {
        "root" => "sqrt",
        "log" => "log",
        _ => "lin",
    }
}

fn background(name: &'static str) -> Option<&'static str> {
    match name {
        "white" => Some("white"),
        "black" => Some("black"),
        _ => None,
    }
}
