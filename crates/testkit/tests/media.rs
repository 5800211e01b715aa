//! Media for tests is what it says.

use std::fs;
use std::time::Duration;

use valet_testkit::{Program, media};

fn duration_seconds(path: &std::path::Path) -> f64 {
    let finished = Program::new("ffprobe")
        .args(["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"])
        .arg(path)
        .run(Duration::from_secs(60))
        .expect_code(0);
    finished.stdout.trim().parse().expect("ffprobe prints a number")
}

#[test]
fn checked_in_files_are_media() {
    for name in ["clip.mp4", "portrait.mov", "clip.mkv", "clip.mp3"] {
        assert!(duration_seconds(&media::path(name)) > 0.5, "{name}");
    }
    assert_eq!(&media::bytes("photo.jpg")[..2], [0xff, 0xd8]);
}

#[test]
fn a_long_clip_is_as_long_as_asked() {
    let path = media::long_clip(60);
    assert!((duration_seconds(&path) - 60.0).abs() < 1.0);
    let made = fs::metadata(&path).and_then(|m| m.modified()).expect("it is there");
    let again = fs::metadata(media::long_clip(60)).and_then(|m| m.modified()).expect("it is there");
    assert_eq!(made, again, "made once");
}

#[test]
fn numbered_bytes_do_not_repeat() {
    let bytes = fs::read(media::numbered_bytes(1003)).expect("it is there");
    assert_eq!(bytes.len(), 1003);
    assert_eq!(bytes[8..16], 1u64.to_be_bytes());
    assert_eq!(bytes[992..], [&124u64.to_be_bytes()[..], &[0xff; 3]].concat());
}
