//! Inputs that are no media, damaged, or meant to harm: each ends soon, with a reason and without a file.

use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use crate::studio::{clip, probe, shoot};

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
