//! What goes in, and what is asked for. Adding a job is adding one entry to [`JOBS`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use valet_testkit::{Program, media};

/// Longest that the large clip may take to make (about 5 s on two cores).
const MAKE_TIMEOUT: Duration = Duration::from_secs(300);
/// Long enough for a few seconds of work to watch.
const LARGE_SECONDS: u32 = 15;

/// One job of the demo.
pub(super) struct Job {
    /// Name of the input in its blob container.
    pub(super) input: &'static str,
    /// What the input is.
    pub(super) about: &'static str,
    /// Name of the output in its blob container, and of the file in `demo-out`.
    pub(super) output: &'static str,
    /// Preset and parameters, as on the command line.
    pub(super) preset: &'static [&'static str],
    /// What should become of it.
    pub(super) expected: Expected,
    bytes: fn() -> Vec<u8>,
}

/// How a job should end.
pub(super) enum Expected {
    /// An output that ffprobe finds to have these codecs, and what a person should look for in it.
    Output { codecs: &'static [&'static str], look_for: &'static str },
    /// A failure with this reason.
    Failure(&'static str),
}

impl Job {
    /// The input's bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        (self.bytes)()
    }
}

/// All jobs, in the order in which they are submitted: the longest first, so that it is seen working.
pub(super) const JOBS: [Job; 4] = [
    Job {
        input: "scene.mp4",
        about: "15 s of 1920x1080 H.264 with sound, made for this",
        output: "scene-720p.mp4",
        preset: &["--preset", "h264-720p"],
        expected: Expected::Output {
            codecs: &["h264", "aac"],
            look_for: "a running clock, 720 lines high, and a tone",
        },
        bytes: || std::fs::read(large_clip()).expect("a file just made is readable"),
    },
    Job {
        input: "phone.mov",
        about: "3 s as phones write them: stored on its side, with a place",
        output: "phone.jpg",
        preset: &["--preset", "thumbnail", "--param", "at_percent=50"],
        expected: Expected::Output { codecs: &["mjpeg"], look_for: "an upright picture, half way through" },
        bytes: || media::bytes("portrait.mov"),
    },
    Job {
        input: "quiet.flac",
        about: "5 s of FLAC, 18 dB too quiet",
        output: "evened.m4a",
        preset: &["--preset", "loudnorm-aac"],
        expected: Expected::Output {
            codecs: &["aac"],
            look_for: "the same at -23 LUFS, as broadcasters ask",
        },
        bytes: || media::bytes("quiet.flac"),
    },
    Job {
        input: "cut-off.mp4",
        about: "half of an mp4, as a broken upload leaves it",
        output: "cut-off-720p.mp4",
        preset: &["--preset", "h264-720p"],
        expected: Expected::Failure("input-truncated"),
        bytes: || {
            let mut whole = media::bytes("clip.mp4");
            whole.truncate(whole.len() / 2);
            whole
        },
    },
];

/// The checked-in clip over and over, enlarged; made once, since it takes seconds.
fn large_clip() -> PathBuf {
    media::made_once(&format!("demo-1080p-{LARGE_SECONDS}s.mp4"), |target: &Path| {
        let finished = Program::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-stream_loop", "-1", "-i"])
            .arg(media::path("clip.mp4"))
            .args(["-t", &LARGE_SECONDS.to_string(), "-vf", "scale=1920:1080:flags=neighbor"])
            .args(["-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", "-pix_fmt", "yuv420p"])
            .args(["-c:a", "copy", "-f", "mp4"])
            .arg(target)
            .run(MAKE_TIMEOUT);
        finished.expect_code(0);
    })
}
