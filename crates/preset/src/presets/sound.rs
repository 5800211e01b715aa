//! What presets with sound share: which stream, how many channels, which rate, which encoder.

use crate::argv::{Args, text};
use crate::facts::AudioFacts;
use crate::param::ParamSpec;

/// Bit rate of AAC sound beside a video.
pub(crate) const AUDIO_KBPS: ParamSpec =
    ParamSpec::whole("audio_kbps", (32, 320), 128, "kbit/s", "Bit rate of the sound");

/// Most channels of an encoded sound.
pub(crate) const CHANNELS: ParamSpec =
    ParamSpec::whole("channels", (1, 2), 2, "", "Most channels: 1 mixes down to mono, mono stays mono");

/// Channels of the output: the input's, at most `channels_max` (surround is mixed down).
pub(crate) fn channels(audio: &AudioFacts, channels_max: u32) -> u32 {
    if audio.channels == 0 { channels_max } else { audio.channels.min(channels_max) }
}

/// Samples a second of the output: the input's own if every player takes it, else 48,000.
pub(crate) fn sample_rate(audio: &AudioFacts) -> u32 {
    if audio.sample_rate == 44_100 { 44_100 } else { 48_000 }
}

/// Options that encode `audio` as AAC, the sound of MP4.
pub(crate) fn aac(audio: &AudioFacts, kbps: u32, channels_max: u32) -> Args {
    // From 48 kbit/s a channel ffmpeg's fast coder is the better one, by its own manual; and it keeps the
    // true peak, which the default raised by 2.5 dB (measured on loudness-normalised tones).
    const FAST_FROM_KBPS: u32 = 48;
    let channels = channels(audio, channels_max);
    let coder = if kbps >= FAST_FROM_KBPS * channels { "fast" } else { "twoloop" };
    Args::default()
        .words(&["-c:a", "aac", "-aac_coder", coder])
        .option("-b:a", text![kbps, "k"])
        .option("-ac", channels)
        .option("-ar", sample_rate(audio))
        .words(&["-flags:a", "+bitexact"])
}

/// Options that encode `audio` as Opus, which knows one rate.
pub(crate) fn opus(audio: &AudioFacts, kbps: u32, channels_max: u32) -> Args {
    Args::default()
        .words(&["-c:a", "libopus"])
        .option("-b:a", text![kbps, "k"])
        .option("-ac", channels(audio, channels_max))
        .words(&["-ar", "48000", "-flags:a", "+bitexact"])
}

/// The option that takes `audio` and nothing else.
pub(crate) fn only(audio: &AudioFacts) -> Args {
    Args::default().option("-map", text!["0:", audio.index]).words(&["-vn"])
}
