//! The films that are read: made once with ffmpeg, kept in `target/media`.

use std::path::{Path, PathBuf};

use valet_testkit::media;

use crate::shell;

/// A second of the long film, in bits. 200 s are a little over 1 GB.
const LONG_RATE: &str = "41M";
/// Its length, in seconds.
const LONG_SECONDS: &str = "200";
/// A second of the short one: what cameras and phones write for 1080p.
const SHORT_RATE: &str = "10M";
/// Its length, in seconds.
const SHORT_SECONDS: &str = "60";

/// A little over 1 GB of 1080p with sound, of constant rate, its index behind the media. Keyframes are 2.4 s apart, and
/// the middle of the film lies two thirds into such a group: 8 MB must be read to see it.
pub(super) fn long() -> Result<PathBuf, String> {
    let path = made("bytes-1080p-200s.mp4", LONG_RATE, LONG_SECONDS)?;
    let bytes = std::fs::metadata(&path).map_err(|cause| format!("{}: {cause}", path.display()))?.len();
    if bytes >= 1_000_000_000 { Ok(path) } else { Err(format!("{} is no gigabyte", path.display())) }
}

/// A minute of the same at a camera's rate.
pub(super) fn short() -> Result<PathBuf, String> {
    made("bytes-1080p-60s.mp4", SHORT_RATE, SHORT_SECONDS)
}

/// 12 s, encoded, over and over until it is long enough.
fn made(name: &str, rate: &str, seconds: &str) -> Result<PathBuf, String> {
    let mut failed = None;
    let path = media::made_once(name, |target| {
        failed = make(target, rate, seconds).err();
        // The rename that follows wants a file.
        if failed.is_some() {
            let _ = std::fs::File::create(target);
        }
    });
    let Some(failure) = failed else { return Ok(path) };
    let _ = std::fs::remove_file(path);
    Err(failure)
}

fn make(target: &Path, rate: &str, seconds: &str) -> Result<(), String> {
    let piece = target.with_extension("piece.mp4");
    let mut encode = shell::command("ffmpeg");
    encode
        .args([
            "-nostdin",
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=1920x1080:rate=25:duration=12",
        ])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:duration=12"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"])
        // Filler makes the rate constant, whatever the pictures are.
        .args(["-x264-params", "nal-hrd=cbr:keyint=60:min-keyint=60:scenecut=0"])
        .args(["-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate])
        .args(["-c:a", "aac", "-b:a", "128k", "-f", "mp4"])
        .arg(&piece);
    let mut repeat = shell::command("ffmpeg");
    repeat
        .args(["-nostdin", "-v", "error", "-y", "-stream_loop", "-1", "-i"])
        .arg(&piece)
        .args(["-t", seconds, "-c", "copy", "-f", "mp4"])
        .arg(target);
    let made = shell::check(&mut encode).and_then(|()| shell::check(&mut repeat));
    let _ = std::fs::remove_file(piece);
    made
}
