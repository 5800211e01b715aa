//! Audio presets on real clips: codec, length, and loudness measured by ffmpeg's own R128 meter.

use serde_json::json;

use crate::studio::{Take, clip, ffmpeg, shoot, take};

/// Integrated loudness in LUFS and true peak in dBTP, as the filter ebur128 measures them.
fn loudness(take: &Take) -> (f64, f64) {
    let path = take.path.to_str().expect("UTF-8");
    let meter =
        ["-nostdin", "-nostats", "-v", "info", "-i", path, "-af", "ebur128=peak=true", "-f", "null", "-"];
    let done = ffmpeg(&meter);
    let words = String::from_utf8_lossy(&done.stderr).into_owned();
    let summary = &words[words.rfind("Summary:").unwrap_or_else(|| panic!("no summary in:\n{words}"))..];
    let value = |label: &str| {
        let after = &summary[summary.find(label).expect("the summary has the figure") + label.len()..];
        after
            .split_whitespace()
            .next()
            .and_then(|number| number.parse().ok())
            .expect("the figure is a number")
    };
    (value("I:"), value("Peak:"))
}

fn is_sound(take: &Take, codec: &str, channels: u32, sample_rate: u32) {
    let audio = take.output.audio.as_ref().expect("a sound has audio");
    assert_eq!((audio.codec.as_str(), audio.channels, audio.sample_rate), (codec, channels, sample_rate));
    assert!(take.output.video.is_none(), "a sound has no picture");
    let apart = (take.seconds() - take.input.duration_seconds.expect("clips say how long they are")).abs();
    assert!(apart < 0.15, "{apart} s longer or shorter than the input");
}

#[test]
fn audio_aac_of_a_film() {
    let take = take("audio-aac", "clip.mp4", json!({ "kbps": 96 }));
    is_sound(&take, "aac", 2, 48_000);
    assert!(loudness(&take).0 > -40.0, "the sound is still there");
}

#[test]
fn audio_aac_keeps_mono_and_drops_the_cover() {
    is_sound(&take("audio-aac", "silence-and-tone.wav", json!({})), "aac", 1, 48_000);
    is_sound(&take("audio-aac", "clip.mp3", json!({ "channels": 1 })), "aac", 1, 48_000);
    is_sound(&take("audio-aac", "quiet.flac", json!({})), "aac", 2, 44_100);
}

#[test]
fn audio_opus_of_a_film() {
    let take = take("audio-opus", "clip.mkv", json!({ "kbps": 64 }));
    is_sound(&take, "opus", 2, 48_000);
    assert_eq!(take.output.format, "ogg");
}

#[test]
fn audio_mp3_of_a_film() {
    is_sound(&take("audio-mp3", "clip.mp4", json!({ "quality": 5 })), "mp3", 2, 48_000);
}

#[test]
fn loudnorm_aac_lifts_a_quiet_clip_to_the_target_of_r128() {
    let take = take("loudnorm-aac", "quiet.flac", json!({}));
    is_sound(&take, "aac", 2, 44_100);
    let (integrated, peak) = loudness(&take);
    assert!((integrated + 23.0).abs() <= 1.0, "{integrated} LUFS, expected -23");
    assert!(peak <= -1.0, "{peak} dBTP");
}

#[test]
fn loudnorm_aac_reaches_a_target_of_its_own_on_a_film() {
    let take = take("loudnorm-aac", "clip.mp4", json!({ "loudness": -16, "true_peak": -1.5 }));
    let (integrated, peak) = loudness(&take);
    assert!((integrated + 16.0).abs() <= 1.0, "{integrated} LUFS, expected -16");
    assert!(peak <= -0.5, "{peak} dBTP");
}

#[test]
fn loudnorm_aac_stays_near_the_target_when_one_gain_will_not_do() {
    // Speech at the target would clip: loudnorm has to work on the dynamics.
    let take = take("loudnorm-aac", "quiet.flac", json!({ "loudness": -12, "true_peak": -9 }));
    let (integrated, peak) = loudness(&take);
    assert!(peak <= -7.5, "{peak} dBTP");
    assert!(integrated > -22.0, "{integrated} LUFS: as loud as the peak limit permits");
}

#[test]
fn loudnorm_aac_leaves_silence_alone() {
    let take = take("loudnorm-aac", "silence.wav", json!({}));
    is_sound(&take, "aac", 1, 48_000);
    assert!(loudness(&take).0 <= -60.0, "silence stays silent");
}

#[test]
fn audio_presets_refuse_a_silent_film() {
    for preset in ["audio-aac", "audio-opus", "audio-mp3", "loudnorm-aac", "waveform-png"] {
        let why = shoot(preset, &clip("odd.mkv"), json!({})).err().expect("there is no sound");
        assert_eq!(why, format!("preset {preset} cannot be used on this input: it has no audio"));
    }
}
