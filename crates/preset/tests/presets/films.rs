//! Video presets on real clips: codec, size, length, sound, and what must be gone.

use serde_json::json;

use crate::studio::{Take, clip, ffmpeg, ffprobe, shoot, take};

/// What every film must be, whatever it was made of.
fn is_film(take: &Take, codec: &str, size: (u32, u32), sound: &str) {
    assert_eq!(take.video_codec(), codec);
    assert_eq!(take.size(), size);
    assert_eq!(take.audio_codec(), sound);
    let video = take.output.video.as_ref().expect("a film has video");
    assert_eq!((video.pixel_format.as_str(), video.rotation_degrees), ("yuv420p", 0));
    assert!((video.pixel_aspect - 1.0).abs() < 0.001, "square pixels, not {}", video.pixel_aspect);
    let apart = (take.seconds() - take.input.duration_seconds.expect("clips say how long they are")).abs();
    assert!(apart < 0.25, "{apart} s longer or shorter than the input");
}

/// Whether the MP4's index stands before its data.
fn starts_at_once(take: &Take) -> bool {
    let bytes = take.bytes();
    let place = |name: &[u8]| bytes.windows(4).position(|four| four == name);
    place(b"moov") < place(b"mdat")
}

/// Every word that the clips' makers left in them.
fn is_clean(take: &Take) {
    let bytes = take.bytes();
    for word in ["Harbour", "+52.5163", "2024-05-04", "Quay", "Valet"] {
        assert!(
            !bytes.windows(word.len()).any(|part| part == word.as_bytes()),
            "{word} is still in the output"
        );
    }
    let path = take.path.to_str().expect("UTF-8");
    let done =
        ffprobe(&["-v", "error", "-show_entries", "format_tags:stream_tags:chapter", "-of", "csv", path]);
    let tags = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        !tags.contains("creation_time") && !tags.contains("location") && !tags.contains("2024"),
        "{tags}"
    );
}

#[test]
fn h264_720p_of_a_camera_clip_plays_at_once_and_tells_nothing() {
    let take = take("h264-720p", "clip.mp4", json!({ "speed": "superfast", "crf": 30 }));
    is_film(&take, "h264", (640, 360), "aac");
    assert!(starts_at_once(&take));
    is_clean(&take);
}

#[test]
fn h264_720p_of_a_phone_clip_is_upright() {
    let take = take("h264-720p", "portrait.mov", json!({ "speed": "ultrafast" }));
    is_film(&take, "h264", (360, 640), "aac");
    is_clean(&take);
}

#[test]
fn h264_720p_of_hdr_is_standard_range() {
    let take = take("h264-720p", "hdr.mp4", json!({ "speed": "ultrafast" }));
    is_film(&take, "h264", (640, 360), "");
    let video = take.output.video.expect("a film has video");
    assert_eq!(video.transfer, valet_preset::Transfer::Sdr);
}

#[test]
fn h264_720p_shrinks_and_drops_what_is_no_picture_or_sound() {
    let big = take("h264-720p", "anamorphic.ts", json!({ "speed": "ultrafast" }));
    is_film(&big, "h264", (1024, 576), "aac");
    assert!(!big.output.video.as_ref().expect("video").interlaced);
    let screen = take("h264-720p", "clip.mkv", json!({ "speed": "ultrafast" }));
    is_film(&screen, "h264", (480, 270), "aac");
    is_clean(&screen);
}

#[test]
fn h264_1080p_takes_odd_sizes_without_sound() {
    is_film(&take("h264-1080p", "odd.mkv", json!({ "speed": "ultrafast" })), "h264", (160, 90), "");
}

#[test]
fn h265_1080p_is_tagged_for_apple() {
    let take = take("h265-1080p", "clip.mp4", json!({ "speed": "ultrafast", "crf": 35 }));
    is_film(&take, "hevc", (640, 360), "aac");
    assert!(take.bytes().windows(4).any(|four| four == b"hvc1"), "no hvc1 tag");
    assert!(starts_at_once(&take));
    is_clean(&take);
}

#[test]
fn av1_720p_of_a_camera_clip() {
    let take = take("av1-720p", "clip.mp4", json!({ "speed": 10, "crf": 45 }));
    is_film(&take, "av1", (640, 360), "aac");
    assert!(starts_at_once(&take));
    is_clean(&take);
}

#[test]
fn vp9_webm_720p_of_a_camera_clip() {
    let take = take("vp9-webm-720p", "portrait.mov", json!({ "speed": 5, "crf": 45 }));
    is_film(&take, "vp9", (360, 640), "opus");
    assert_eq!(take.output.format, "matroska,webm");
    is_clean(&take);
}

#[test]
fn remux_mp4_moves_the_index_and_keeps_the_streams() {
    let camera = take("remux-mp4", "clip.mp4", json!({}));
    assert_eq!((camera.video_codec(), camera.audio_codec(), camera.size()), ("h264", "aac", (640, 360)));
    assert!(starts_at_once(&camera));
    is_clean(&camera);
    let phone = take("remux-mp4", "portrait.mov", json!({}));
    let turned = phone.output.video.as_ref().map(|video| video.rotation_degrees);
    assert_eq!(turned, Some(90), "the display matrix stays");
    let screen = take("remux-mp4", "clip.mkv", json!({}));
    assert_eq!((screen.video_codec(), screen.audio_codec()), ("vp9", "opus"));
}

#[test]
fn remux_mp4_names_the_stream_that_mp4_does_not_carry() {
    let why = shoot("remux-mp4", &clip("odd.mkv"), json!({})).err().expect("FFV1 is not for MP4");
    assert_eq!(
        why,
        "preset remux-mp4 cannot be used on this input: MP4 cannot carry its ffv1 stream unchanged"
    );
}

#[test]
fn video_presets_refuse_sound_with_a_cover() {
    let why = shoot("h264-720p", &clip("clip.mp3"), json!({})).err().expect("a cover is no video");
    assert_eq!(why, "preset h264-720p cannot be used on this input: it has no video or picture");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for (preset, name, params) in [
        ("h264-720p", "hdr.mp4", json!({ "speed": "ultrafast" })),
        ("vp9-webm-720p", "odd.mkv", json!({ "speed": 5 })),
        ("audio-opus", "clip.mp3", json!({})),
    ] {
        let (first, second) = (take(preset, name, params.clone()), take(preset, name, params));
        assert!(first.bytes() == second.bytes(), "{preset} on {name} differs between two runs");
    }
}

#[test]
fn tiny_sources_are_encoded_too() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join("tiny.mkv");
    let text = path.to_str().expect("UTF-8");
    let source =
        ["-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=s=20x12:d=0.5:r=10", "-c:v", "ffv1", text];
    assert!(ffmpeg(&source).status.success(), "the tiny clip was not made");
    for (preset, params, size) in [
        ("h264-720p", json!({ "speed": "ultrafast" }), (20, 12)),
        ("h265-1080p", json!({ "speed": "ultrafast" }), (20, 16)),
        ("av1-720p", json!({ "speed": 10 }), (64, 64)),
        ("vp9-webm-720p", json!({ "speed": 5 }), (20, 12)),
    ] {
        let take = shoot(preset, &path, params).unwrap_or_else(|why| panic!("{preset}: {why}"));
        assert_eq!(take.size(), size, "{preset}");
    }
}
