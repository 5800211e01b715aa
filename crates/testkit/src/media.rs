//! Real clips: those checked in under `tests/media`, and larger ones made from them once.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Program, workspace};

/// Longest a larger clip may take to make.
const MAKE_TIMEOUT: Duration = Duration::from_secs(300);

/// A checked-in file: `clip.mp4`, `portrait.mov`, `clip.mkv`, `clip.mp3`, `photo.jpg`.
///
/// # Panics
/// When there is none of that name.
pub fn path(name: &str) -> PathBuf {
    let path = workspace::root().join("tests/media").join(name);
    assert!(path.exists(), "there is no {}", path.display());
    path
}

/// The bytes of a checked-in file.
///
/// # Panics
/// When there is none of that name.
pub fn bytes(name: &str) -> Vec<u8> {
    fs::read(path(name)).expect("a checked-in file is readable")
}

/// A newer ffmpeg than distributions have, in one file without shared libraries of its own. It has no ffprobe.
///
/// # Panics
/// When it has not been fetched.
pub fn static_ffmpeg() -> PathBuf {
    let path = workspace::root().join("tools/ffmpeg/bin/ffmpeg");
    assert!(path.exists(), "there is no {}; run: cargo xtask setup", path.display());
    path
}

/// `clip.mp4` over and over until it is at least `seconds` long, without encoding; made once.
///
/// # Panics
/// When ffmpeg is missing or fails.
pub fn long_clip(seconds: u32) -> PathBuf {
    made_once(&format!("clip-{seconds}s.mp4"), |target| {
        let finished = Program::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-stream_loop", "-1", "-i"])
            .arg(path("clip.mp4"))
            .args(["-t", &seconds.to_string(), "-c", "copy", "-f", "mp4"])
            .arg(target)
            .run(MAKE_TIMEOUT);
        finished.expect_code(0);
    })
}

/// Two seconds of `clip.mp4` in 1920x1080; made once.
///
/// # Panics
/// When ffmpeg is missing or fails.
pub fn full_hd() -> Vec<u8> {
    let path = made_once("clip-1080p-2s.mp4", |target| {
        Program::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-i"])
            .arg(path("clip.mp4"))
            .args(["-t", "2", "-vf", "scale=1920:1080", "-c:v", "libx264", "-preset", "ultrafast"])
            .args(["-c:a", "copy", "-f", "mp4"])
            .arg(target)
            .run(MAKE_TIMEOUT)
            .expect_code(0);
    });
    fs::read(path).expect("a file just made is readable")
}

/// A file of `length` bytes in which no two 8-byte words repeat, so that a misplaced range shows; made once.
///
/// # Panics
/// When it cannot be written.
pub fn numbered_bytes(length: u64) -> PathBuf {
    made_once(&format!("numbered-{length}.bin"), |target| {
        let mut file =
            BufWriter::with_capacity(1 << 20, File::create(target).expect("target/media is writable"));
        let words = (0..length / 8).map(|number| number.to_be_bytes());
        words.for_each(|word| file.write_all(&word).expect("target/media has space"));
        let rest = vec![0xff; usize::try_from(length % 8).expect("less than 8")];
        file.write_all(&rest).and_then(|()| file.flush()).expect("target/media has space");
    })
}

/// The file `name` in `target/media`; `make` writes it when it is not there. Several processes may ask for
/// the same one at once: each makes its own, and the last rename wins.
pub fn made_once(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let folder = workspace::root().join("target/media");
    let path = folder.join(name);
    if !path.exists() {
        fs::create_dir_all(&folder).expect("target is writable");
        let draft = folder.join(format!("{}-{name}", std::process::id()));
        make(&draft);
        fs::rename(&draft, &path).expect("a rename inside one folder");
    }
    path
}
