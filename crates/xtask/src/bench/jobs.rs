//! `cargo xtask bench jobs`: small jobs a second with 1, 2 and 4 slots, and what a transcoding job takes beside
//! bare ffmpeg with the same arguments on a local file.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use valet_testkit::{Program, media, wait_for};

use super::median;
use super::stage::{COMMAND_TIMEOUT, Services, Stage};
use super::table::Table;

/// Slots to compare; the ratios are to the first.
const SLOTS: [usize; 3] = [1, 2, 4];
/// A preset with how many of its jobs make a round: enough that start and end hardly count.
const SMALL: [(&str, usize); 2] = [("copy", 150), ("thumbnail", 40)];
/// Rounds of the transcoding job and of ffmpeg, in turns; odd, for a median.
const ROUNDS: usize = 3;
/// Length of the clip that is transcoded, in seconds.
const CLIP_SECONDS: u32 = 60;
/// Longest until the codec of a job has been started.
const CODEC_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn run() -> Result<(), String> {
    let services = Services::start()?;
    let mut table = Table::new("jobs");
    for (preset, jobs) in SMALL {
        small(&services, preset, jobs, &mut table);
    }
    transcode(&services, &mut table)?;
    table.save()
}

/// Jobs a second of one preset for each number of slots.
fn small(services: &Services, preset: &'static str, jobs: usize, table: &mut Table) {
    let mut first = None;
    for slots in SLOTS {
        let rate = jobs as f64 / batch(services, preset, jobs, slots).as_secs_f64();
        table.row(format!("{preset}, {slots} slot(s), {jobs} jobs"), rate, "jobs/s");
        let one = *first.get_or_insert(rate);
        table.row(format!("  {preset}, {slots} slot(s) beside one"), rate / one, "");
    }
}

/// How long `submit --wait` takes for so many jobs, from its start to the end of the last job.
fn batch(services: &Services, preset: &str, jobs: usize, slots: usize) -> Duration {
    let stage = Stage::new(services);
    stage.storage.put(&stage.input, "clip.mp4", media::bytes("clip.mp4"));
    let names = (0..jobs).map(|job| ("clip.mp4".to_owned(), format!("{job:06}.out")));
    let manifest = stage.manifest(preset, names);
    let _worker = stage.worker(slots);
    let submit = stage.valet().args(["submit", "--wait", "--no-progress", "--manifest"]).arg(manifest);
    let begun = Instant::now();
    submit.run(COMMAND_TIMEOUT).expect_code(0);
    begun.elapsed()
}

/// One `h264-720p` job and its ffmpeg alone, in turns.
fn transcode(services: &Services, table: &mut Table) -> Result<(), String> {
    let stage = Stage::new(services);
    let clip = media::long_clip(CLIP_SECONDS);
    let bytes = fs::read(&clip).map_err(|cause| format!("cannot read {}: {cause}", clip.display()))?;
    stage.storage.put(&stage.input, "long.mp4", bytes);
    let _worker = stage.worker(1);
    let (mut whole, mut attempts, mut bares) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (took, attempt, arguments) = job(&stage, &format!("long-{round}.mp4"))?;
        let bare = ffmpeg(arguments, &clip, &stage.folder.join("bare.mp4"))?;
        whole.push(took / bare);
        attempts.push(attempt / bare);
        bares.push(bare);
    }
    table.row(format!("ffmpeg h264-720p of {CLIP_SECONDS} s, local file"), median(bares), "s");
    table.row("  the worker's whole attempt beside it", median(attempts), "");
    table.row("  valet run beside it, start to exit", median(whole), "");
    Ok(())
}

/// Runs a job; how long `valet run` took, how long the worker's attempt (both in seconds), and what its ffmpeg
/// was started with.
fn job(stage: &Stage<'_>, output: &str) -> Result<(f64, f64, Vec<String>), String> {
    let (input, output) = (format!("{}/long.mp4", stage.input), format!("{}/{output}", stage.output));
    let run = stage.valet().args(["--json", "run", &input, &output, "--preset", "h264-720p"]);
    let begun = Instant::now();
    let running = run.start();
    let own = stage.folder.path().to_string_lossy().into_owned();
    let arguments = wait_for("the codec of the job", CODEC_TIMEOUT, || codec_arguments(&own));
    let finished = running.finish(COMMAND_TIMEOUT).expect_code(0);
    let took = begun.elapsed().as_secs_f64();
    let last = finished.stdout.lines().next_back().unwrap_or_default();
    let end: Value = serde_json::from_str(last).map_err(|cause| format!("{cause}: {last}"))?;
    let attempt_ms = end["output"]["total_ms"].as_f64().ok_or_else(|| format!("no total_ms in {last}"))?;
    Ok((took, attempt_ms / 1000.0, arguments))
}

/// The arguments of the ffmpeg that works below `folder`, if one does now.
fn codec_arguments(folder: &str) -> Option<Vec<String>> {
    let processes = fs::read_dir("/proc").ok()?;
    let lines = processes.filter_map(|process| fs::read(process.ok()?.path().join("cmdline")).ok());
    let words = |line: Vec<u8>| -> Vec<String> {
        line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    };
    let mut found =
        lines.map(words).filter(|words| words.first().is_some_and(|first| first.ends_with("ffmpeg")));
    let mut words = found.find(|words| words.iter().any(|word| word.contains(folder)))?;
    // Each word ends with a zero: behind the last one is nothing.
    words.pop();
    words.remove(0);
    Some(words)
}

/// Runs ffmpeg with these arguments on other files; how long it took, in seconds.
fn ffmpeg(mut arguments: Vec<String>, input: &Path, output: &Path) -> Result<f64, String> {
    let local = |path: &Path| format!("file:{}", path.display());
    let at = arguments.iter().position(|word| word == "-i").ok_or("ffmpeg was started without -i")? + 1;
    arguments[at] = local(input);
    *arguments.last_mut().ok_or("ffmpeg was started without arguments")? = local(output);
    let begun = Instant::now();
    Program::new("ffmpeg").args(arguments).run(COMMAND_TIMEOUT).expect_code(0);
    Ok(begun.elapsed().as_secs_f64())
}
