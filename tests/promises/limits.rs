//! Every limit of a job ends it with a reason of its own, whoever set it: the message or the worker.

use serde_json::{Value, json};
use valet_testkit::attack::{pixel_bomb, time_gap, untold_time_gap};
use valet_testkit::{Sas, media};

use crate::message::Message;
use crate::stage::{COMMAND_TIMEOUT, Stage};
use crate::verdict::{expect_failed, expect_nothing_stored};

/// How a job ends that runs into a bound in the middle of its work.
const BOUNDS: [&str; 6] =
    ["duration-limit", "frame-limit", "output-too-large", "cpu-limit", "memory-limit", "output-invalid"];

/// A job on these bytes by a worker with this setting ends with this reason.
#[track_caller]
fn expect_worker_limit(setting: (&str, &str), bytes: &[u8], preset: &str, reason: &str) -> Value {
    let stage = Stage::new();
    let worker = stage.start(stage.worker_program().env(setting.0, setting.1));
    let input = stage.put("input.mp4", bytes);
    let job = stage.submit(&input, &stage.target("output"), &["--preset", preset]);
    let end = expect_failed(&stage, &job, &[reason]);
    expect_nothing_stored(&stage);
    assert!(worker.is_running(), "{}", worker.stderr());
    end
}

/// The same, asked for by the message.
#[track_caller]
fn expect_own_limit(limit: (&str, u64), bytes: &[u8], preset: &str, reason: &str) {
    let stage = Stage::new();
    let _worker = stage.worker();
    stage.put("input.mp4", bytes);
    let grants = (Sas::read(&stage.input, "input.mp4"), Sas::create(&stage.output, "output"));
    let message = Message::new(&stage, &grants.0, &grants.1)
        .with("/preset/name", json!(preset))
        .with(&format!("/limits/{}", limit.0), json!(limit.1));
    message.publish(&stage);
    expect_failed(&stage, &message.id, &[reason]);
    expect_nothing_stored(&stage);
}

fn clip() -> Vec<u8> {
    media::bytes("clip.mp4") // 6 s, 640x360, 25 pictures a second, two streams
}

fn film() -> Vec<u8> {
    std::fs::read(media::long_clip(60)).expect("the clip is readable")
}

#[test]
fn input_bytes() {
    expect_worker_limit(("VALET_WORKER_INPUT_BYTES_MAX", "10KiB"), &clip(), "h264-720p", "input-too-large");
    expect_own_limit(("input_bytes", 10_000), &clip(), "h264-720p", "input-too-large");
}

#[test]
fn output_bytes() {
    expect_worker_limit(
        ("VALET_WORKER_OUTPUT_BYTES_MAX", "100KiB"),
        &film(),
        "h264-720p",
        "output-too-large",
    );
    expect_own_limit(("output_bytes", 100_000), &film(), "h264-720p", "output-too-large");
}

#[test]
fn wall_seconds() {
    expect_worker_limit(("VALET_WORKER_WALL_SECONDS_MAX", "2"), &film(), "vp9-webm-720p", "wall-limit");
}

#[test]
fn cpu_seconds() {
    expect_worker_limit(("VALET_WORKER_CPU_SECONDS_MAX", "2"), &film(), "vp9-webm-720p", "cpu-limit");
    expect_own_limit(("cpu_seconds", 2), &film(), "vp9-webm-720p", "cpu-limit");
}

#[test]
fn memory_bytes() {
    expect_worker_limit(
        ("VALET_WORKER_MEMORY_BYTES_MAX", "128MiB"),
        &media::full_hd(),
        "h264-1080p",
        "memory-limit",
    );
    expect_own_limit(("memory_bytes", 128 << 20), &media::full_hd(), "h264-1080p", "memory-limit");
}

#[test]
fn so_little_memory_that_no_codec_can_be_loaded_is_told_as_such() {
    expect_own_limit(("memory_bytes", 64 << 20), &clip(), "h264-720p", "memory-limit");
}

#[test]
fn duration_seconds() {
    expect_worker_limit(("VALET_WORKER_DURATION_SECONDS_MAX", "5"), &clip(), "h264-720p", "duration-limit");
    expect_own_limit(("duration_seconds", 5), &clip(), "audio-aac", "duration-limit");
}

#[test]
fn pixels() {
    expect_worker_limit(("VALET_WORKER_PIXELS_MAX", "100000"), &clip(), "h264-720p", "pixel-limit");
    expect_own_limit(("pixels", 100_000), &clip(), "thumbnail", "pixel-limit");
}

#[test]
fn frames() {
    expect_worker_limit(("VALET_WORKER_FRAMES_MAX", "100"), &clip(), "h264-720p", "frame-limit");
    expect_own_limit(("frames", 100), &clip(), "h264-720p", "frame-limit");
}

#[test]
fn streams() {
    expect_worker_limit(("VALET_WORKER_STREAMS_MAX", "1"), &clip(), "h264-720p", "stream-limit");
    expect_own_limit(("streams", 1), &clip(), "audio-aac", "stream-limit");
}

#[test]
fn a_picture_of_225_megapixels_is_refused_before_it_is_decoded() {
    for preset in ["image-webp", "thumbnail"] {
        expect_worker_limit(("VALET_WORKER_SLOTS", "1"), &pixel_bomb(), preset, "pixel-limit");
    }
}

#[test]
fn a_film_that_says_it_lasts_a_day_is_refused_where_an_hour_is_the_most() {
    expect_worker_limit(
        ("VALET_WORKER_DURATION_SECONDS_MAX", "3600"),
        &time_gap(),
        "h264-720p",
        "duration-limit",
    );
}

/// What becomes of it is the codec's business, as long as it stays within bounds: with few pictures an output may
/// come of it, filled up with pictures it may not.
#[test]
fn a_film_that_hides_a_day_stays_within_its_limits() {
    let stage = Stage::new();
    let settings = [
        ("VALET_WORKER_DURATION_SECONDS_MAX", "3600"),
        ("VALET_WORKER_OUTPUT_BYTES_MAX", "1MiB"),
        ("VALET_WORKER_CPU_SECONDS_MAX", "4"),
    ];
    let worker = stage.start(stage.worker_program().envs(settings));
    let input = stage.put("input.mp4", untold_time_gap());
    for preset in ["h264-720p", "preview-gif", "sprite-sheet", "remux-mp4"] {
        let job = stage.submit(&input, &stage.target(preset), &["--preset", preset]);
        let wait = stage.valet().args(["--json", "wait", &job, "--timeout", "90s"]).run(COMMAND_TIMEOUT);
        let end: Value = serde_json::from_str(wait.stdout.trim()).expect("one line of JSON");
        match end["state"].as_str() {
            Some("succeeded") => {
                let stored = stage.storage.head(&stage.output, preset).expect("a stored output");
                assert!(stored.length <= 1 << 20, "{} bytes: {end:#}", stored.length);
            }
            Some("failed") => {
                let reason = end["reason"].as_str().unwrap_or_default();
                assert!(BOUNDS.contains(&reason), "{preset}: {end:#}");
                assert!(!stage.storage.exists(&stage.output, preset), "nothing may be stored");
            }
            _ => panic!("{preset}: {end:#}\n{}", worker.stderr()),
        }
        assert!(worker.is_running(), "{}", worker.stderr());
    }
}
