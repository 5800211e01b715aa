//! Inputs that are no media, damaged, or meant to harm: each ends soon, with a reason and without a file.

use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;
use valet_preset::{Bounds, Exceeded, FactsError, MediaFacts, VideoFacts, probe_argv};

use crate::door::Door;
use crate::studio::{argv, clip, ffmpeg, ffprobe, probe, shoot};

fn file(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("input");
    std::fs::write(&path, bytes).expect("the file can be written");
    (folder, path)
}

#[test]
fn what_is_no_media_has_no_facts() {
    let bytes = std::fs::read(clip("clip.mp4")).expect("the clip can be read");
    for (what, bytes) in [
        ("nothing", &b""[..]),
        ("text", b"%PDF-1.7\nthis is no film\n"),
        ("a clip cut off before its index", &bytes[..bytes.len() / 2]),
    ] {
        let (_folder, path) = file(bytes);
        assert!(probe(&path).is_err(), "{what} has facts");
    }
}

#[test]
fn playlists_are_not_opened() {
    let secret = clip("clip.mp4");
    let secret = secret.to_str().expect("UTF-8");
    for list in [
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\nfile://{secret}\n#EXT-X-ENDLIST\n"),
        format!("ffconcat version 1.0\nfile '{secret}'\n"),
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n".to_owned(),
    ] {
        let (_folder, path) = file(list.as_bytes());
        let why = probe(&path).expect_err("a playlist is no media");
        assert!(why.contains("not on whitelist") || why.contains("Invalid data"), "{why}");
    }
}

#[test]
fn a_clip_cut_off_behind_its_index_fails_the_check() {
    let whole = shoot("remux-mp4", &clip("clip.mp4"), json!({})).expect("the whole clip is fine");
    let bytes = whole.bytes();
    let (_folder, path) = file(&bytes[..bytes.len() / 2]);
    let why = shoot("h264-720p", &path, json!({ "speed": "ultrafast" })).err().expect("half is missing");
    assert!(why.starts_with("the output's duration is "), "{why}");
}

/// What the probe says within `bounds` of the clip called `name`.
fn bounded(name: &str, bounds: &Bounds) -> Result<MediaFacts, FactsError> {
    let done = ffprobe(&Door::open(&clip(name)).through(&probe_argv(bounds)));
    MediaFacts::from_probe(&done.stdout, &String::from_utf8_lossy(&done.stderr), bounds)
}

#[test]
fn a_bound_that_stops_ffprobe_is_told_by_its_name() {
    let small = Bounds { pixels: 1_000, ..Bounds::default() };
    for (name, pixels) in [
        ("graphic.png", 160 * 120),
        ("photo.jpg", 800 * 600),
        ("clip.mp4", 640 * 360),
        ("clip.mkv", 480 * 270),
    ] {
        let told = bounded(name, &small).expect_err("it is larger");
        let expected = Exceeded::Pixels { pixels, pixels_max: 1_000 };
        assert!(matches!(told, FactsError::OverBounds(found) if found == expected), "{name}: {told}");
        bounded(name, &Bounds::default()).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    let one = Bounds { streams: 1, ..Bounds::default() };
    for name in ["clip.mp4", "clip.mkv", "portrait.mov"] {
        let told = bounded(name, &one).expect_err("it has more");
        let expected = Exceeded::Streams { streams_max: 1 };
        assert!(matches!(told, FactsError::OverBounds(found) if found == expected), "{name}: {told}");
    }
    let short = Bounds { duration_seconds: 5, ..Bounds::default() };
    let told = bounded("clip.mp4", &short).expect_err("six seconds");
    assert_eq!(told.to_string(), "the file is refused: it says that it is 6 s long, the limit is 5 s");
    let few = Bounds { frames: 100, ..Bounds::default() };
    assert!(matches!(
        bounded("clip.mp4", &few),
        Err(FactsError::OverBounds(Exceeded::Frames { frames: 150, .. }))
    ));
}

#[test]
fn a_cover_that_is_too_large_does_not_hide_the_sound() {
    let small = Bounds { pixels: 1_000, ..Bounds::default() };
    let facts = bounded("clip.mp3", &small).expect("the cover is no video");
    assert!(facts.audio.is_some());
}

/// A Matroska file of a codec that is not on the list.
fn unlisted(codec: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("input");
    let text = path.to_str().expect("UTF-8");
    let source = ["-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=s=64x48:d=0.5:r=10"];
    let made = ffmpeg(&[&source[..], &["-c:v", codec, "-f", "matroska", text]].concat());
    assert!(made.status.success(), "{codec}: {}", String::from_utf8_lossy(&made.stderr));
    (folder, path)
}

#[test]
fn decoders_off_the_list_stay_closed() {
    for codec in ["snow", "cinepak", "zmbv"] {
        let (_folder, path) = unlisted(codec);
        let why = probe(&path).expect_err("no facts");
        assert!(why.contains("not on whitelist"), "{codec}: {why}");
        // ffmpeg itself keeps to its list too, should anybody start it without facts.
        let facts = MediaFacts { video: Some(VideoFacts::default()), ..MediaFacts::default() };
        let argv = argv("preview-webp", json!({}), &facts).expect("it suits");
        let done = ffmpeg(&Door::open(&path).through(&argv));
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(!done.status.success() && said.contains("not on whitelist"), "{codec}: {said}");
    }
}
