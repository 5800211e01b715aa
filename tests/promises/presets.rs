//! Every preset, end to end on real media, at both levels of the jail and with two versions of ffmpeg: what comes
//! out of storage is what the preset promises.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use valet_testkit::{Folder, Process, Program, media};

use crate::backstage::kind;
use crate::stage::Stage;
use crate::way::{Way, in_every_way};

/// Longest that ffprobe or ffmpeg may look at a result.
const LOOK_TIMEOUT: Duration = Duration::from_secs(60);

/// The stored output of one job, fetched.
struct Made {
    bytes: Vec<u8>,
    path: PathBuf,
    _folder: Folder,
}

/// Runs `preset` on a clip and checks what is the same for all: the blob's content type, and metadata that
/// tells job, attempt, hash and preset.
#[track_caller]
fn make(way: Way, clip: &str, preset: &str, params: &[&str], content_type: &str) -> Made {
    make_of(way, media::bytes(clip), preset, params, content_type)
}

#[track_caller]
fn make_of(way: Way, input: Vec<u8>, preset: &str, params: &[&str], content_type: &str) -> Made {
    let stage = Stage::new();
    let worker = way.worker(&stage);
    let made = fetch_made(&stage, &worker, input, preset, params, content_type);
    let reports = stage.reports(&made.1);
    let success = reports.iter().find(|report| kind(report) == "succeeded").expect("a report of success");
    way.expect_told(&stage, success);
    made.0
}

/// The output, and the id of its job.
#[track_caller]
fn fetch_made(
    stage: &Stage<'_>,
    worker: &Process,
    input: Vec<u8>,
    preset: &str,
    params: &[&str],
    content_type: &str,
) -> (Made, String) {
    let input = stage.put("some/input", input);
    let params = params.iter().flat_map(|param| ["--param", *param]);
    let arguments: Vec<&str> = ["--preset", preset].into_iter().chain(params).collect();
    let end = stage.run(0, &input, &stage.target("some/output"), &arguments);
    assert_eq!(end["state"], "succeeded", "{end:#}\n{}", worker.stderr());

    let bytes = stage.storage.get(&stage.output, "some/output");
    let head = stage.storage.head(&stage.output, "some/output").expect("the output is there");
    assert_eq!(head.content_type, content_type);
    assert_eq!(end["output"]["content_type"], content_type, "{end:#}");
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let id = end["id"].as_str().expect("an id");
    let expected = [("attempt", "1"), ("job", id), ("preset", &format!("{preset}/1")), ("sha256", &sha256)];
    assert_eq!(head.metadata, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let folder = Folder::new("made");
    (Made { path: folder.write("output", &bytes), bytes, _folder: folder }, id.to_owned())
}

impl Made {
    /// What ffprobe says.
    fn probe(&self) -> Value {
        let finished = Program::new("ffprobe")
            .args(["-v", "error", "-of", "json", "-show_format", "-show_streams"])
            .arg(&self.path)
            .run(LOOK_TIMEOUT)
            .expect_code(0);
        serde_json::from_str(&finished.stdout).expect("ffprobe speaks JSON")
    }

    /// The only stream of a kind: its codec, width and height (0 for sound).
    #[track_caller]
    fn stream(&self, kind: &str) -> (String, u64, u64) {
        let probe = self.probe();
        let of_kind = |stream: &&Value| stream["codec_type"] == kind;
        let streams: Vec<&Value> =
            probe["streams"].as_array().expect("streams").iter().filter(of_kind).collect();
        assert_eq!(streams.len(), 1, "{kind} streams of {probe:#}");
        let number = |name: &str| streams[0][name].as_u64().unwrap_or_default();
        (streams[0]["codec_name"].as_str().unwrap_or_default().to_owned(), number("width"), number("height"))
    }

    /// One picture track and one sound track of these codecs, this size and length.
    #[track_caller]
    fn expect_film(&self, (video, width, height): (&str, u64, u64), audio: &str, seconds: f64) {
        assert_eq!(self.stream("video"), (video.to_owned(), width, height));
        assert_eq!(self.stream("audio").0, audio);
        self.expect_seconds(seconds);
    }

    /// Nothing but a picture of this codec and size.
    #[track_caller]
    fn expect_picture(&self, codec: &str, width: u64, height: u64) {
        assert_eq!(self.stream("video"), (codec.to_owned(), width, height));
        assert_eq!(self.probe()["streams"].as_array().map(Vec::len), Some(1), "nothing else is in it");
    }

    /// Nothing but sound of this codec and length.
    #[track_caller]
    fn expect_sound(&self, codec: &str, seconds: f64) {
        assert_eq!(self.stream("audio").0, codec);
        assert_eq!(self.probe()["streams"].as_array().map(Vec::len), Some(1), "no cover, no picture");
        self.expect_seconds(seconds);
    }

    #[track_caller]
    fn expect_seconds(&self, seconds: f64) {
        let probe = self.probe();
        let told: f64 =
            probe["format"]["duration"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0.0);
        assert!((told - seconds).abs() < 0.25, "{told} s instead of {seconds} s");
    }

    /// Whether these bytes are in it.
    fn holds(&self, text: &str) -> bool {
        self.bytes.windows(text.len()).any(|part| part == text.as_bytes())
    }

    /// Integrated loudness in LUFS, as ffmpeg's EBU R128 meter reads it.
    fn loudness(&self) -> f64 {
        let finished = Program::new("ffmpeg")
            .args(["-nostdin", "-hide_banner", "-i"])
            .arg(&self.path)
            .args(["-af", "ebur128=framelog=verbose", "-f", "null", "-"])
            .run(LOOK_TIMEOUT)
            .expect_code(0);
        let summary = finished.stderr.rsplit_once("Summary:").expect("a summary").1.to_owned();
        let line = summary.lines().find_map(|line| line.trim().strip_prefix("I:")).expect("a loudness");
        line.trim().trim_end_matches("LUFS").trim().parse().expect("a number")
    }
}

in_every_way! {
    fn h264_720p(way) {
        let made = make_of(way, media::full_hd(), "h264-720p", &["speed=ultrafast"], "video/mp4");
        made.expect_film(("h264", 1280, 720), "aac", 2.0);
    }

    fn h264_1080p(way) {
        let made = make(way, "portrait.mov", "h264-1080p", &["speed=ultrafast", "crf=30"], "video/mp4");
        made.expect_film(("h264", 360, 640), "aac", 3.0); // upright
    }

    fn h265_1080p(way) {
        let made = make(way, "hdr.mp4", "h265-1080p", &["speed=ultrafast"], "video/mp4");
        made.expect_picture("hevc", 640, 360); // the clip has no sound
        assert_eq!(made.probe()["streams"][0]["pix_fmt"], "yuv420p", "8 bit");
        made.expect_seconds(1.0);
    }

    fn av1_720p(way) {
        let made = make(way, "anamorphic.ts", "av1-720p", &["speed=10"], "video/mp4");
        made.expect_film(("av1", 1024, 576), "aac", 2.0); // square pixels
    }

    fn vp9_webm_720p(way) {
        let made = make(way, "clip.mkv", "vp9-webm-720p", &["speed=5"], "video/webm");
        made.expect_film(("vp9", 480, 270), "opus", 4.0);
    }

    fn remux_mp4(way) {
        let made = make(way, "clip.mp4", "remux-mp4", &[], "video/mp4");
        made.expect_film(("h264", 640, 360), "aac", 6.0);
        let at = |name: &str| made.bytes.windows(4).position(|four| four == name.as_bytes()).expect("an atom");
        assert!(at("moov") < at("mdat"), "it starts to play before it is all there");
        assert!(made.probe()["format"]["tags"]["title"].is_null(), "metadata is gone: {:#}", made.probe());
    }

    fn audio_aac(way) {
        make(way, "clip.mp3", "audio-aac", &["kbps=64", "channels=1"], "audio/mp4").expect_sound("aac", 5.0);
    }

    fn audio_opus(way) {
        make(way, "quiet.flac", "audio-opus", &["kbps=48"], "audio/ogg").expect_sound("opus", 5.0);
    }

    fn audio_mp3(way) {
        make(way, "silence-and-tone.wav", "audio-mp3", &["quality=5"], "audio/mpeg").expect_sound("mp3", 5.0);
    }

    fn loudnorm_aac(way) {
        let made = make(way, "quiet.flac", "loudnorm-aac", &["loudness=-18"], "audio/mp4");
        made.expect_sound("aac", 5.0);
        let loudness = made.loudness();
        assert!((loudness - -18.0).abs() <= 1.0, "{loudness} LUFS instead of -18");
    }

    fn thumbnail(way) {
        make(way, "clip.mp4", "thumbnail", &["width=320"], "image/jpeg").expect_picture("mjpeg", 320, 180);
    }

    fn sprite_sheet(way) {
        let params = ["count=4", "columns=2", "tile_width=160"];
        make(way, "clip.mp4", "sprite-sheet", &params, "image/jpeg").expect_picture("mjpeg", 320, 180);
    }

    fn preview_gif(way) {
        let made = make(way, "clip.mp4", "preview-gif", &["seconds=2", "width=160", "fps=5"], "image/gif");
        made.expect_picture("gif", 160, 90);
        made.expect_seconds(2.0);
    }

    fn preview_webp(way) {
        // ffprobe cannot read animated WebP; its header says size and that it moves.
        let made = make(way, "clip.mp4", "preview-webp", &["seconds=1", "width=160", "fps=5"], "image/webp");
        assert_eq!((&made.bytes[..4], &made.bytes[8..16]), (&b"RIFF"[..], &b"WEBPVP8X"[..]));
        let side =
            |at: usize| u32::from_le_bytes([made.bytes[at], made.bytes[at + 1], made.bytes[at + 2], 0]) + 1;
        assert_eq!((side(24), side(27)), (160, 90));
        let frames = made.bytes.windows(4).filter(|four| *four == b"ANMF").count();
        assert!((4..=6).contains(&frames), "{frames} frames in 1 s at 5/s");
    }

    fn waveform_png(way) {
        let params = ["width=400", "height=100", "scale=log"];
        make(way, "silence-and-tone.wav", "waveform-png", &params, "image/png").expect_picture("png", 400, 100);
    }

    fn image_webp(way) {
        let made = make(way, "photo.jpg", "image-webp", &["width=300"], "image/webp");
        made.expect_picture("webp", 300, 400); // upright
        assert!(!made.holds("EXIF") && !made.holds("Valet Test Camera"), "metadata is gone");
    }

    fn probe_json(way) {
        let made = make(way, "clip.mp4", "probe-json", &[], "application/json");
        let probe: Value = serde_json::from_slice(&made.bytes).expect("JSON");
        let codecs: Vec<&Value> =
            probe["streams"].as_array().expect("streams").iter().map(|stream| &stream["codec_name"]).collect();
        assert_eq!(codecs, ["h264", "aac"], "{probe:#}");
        assert_eq!(
            probe["format"]["duration"].as_str().and_then(|text| text.parse::<f64>().ok()).map(f64::round),
            Some(6.0)
        );
        assert!(probe["format"]["tags"]["title"].is_null(), "tags are left out unless asked for: {probe:#}");
    }
}

#[test]
fn copy() {
    let stage = Stage::new();
    let worker = stage.worker();
    let (made, _) =
        fetch_made(&stage, &worker, media::bytes("odd.mkv"), "copy", &[], "application/octet-stream");
    assert!(made.bytes == media::bytes("odd.mkv"), "byte for byte");
}
