//! `cargo xtask bench jobs`: small jobs a second with 1, 2 and 4 slots, and what a transcoding job takes beside
//! bare ffmpeg with the same arguments on a local file.

use std::path::Path;
use std::time::{Duration, Instant};

use valet_testkit::{Process, media};

use super::attempt::Attempt;
use super::stage::{COMMAND_TIMEOUT, Services, Stage};
use super::table::Table;
use super::{calls, median};

/// Slots to compare; the ratios are to the first.
const SLOTS: [usize; 3] = [1, 2, 4];
/// A preset with how many of its jobs make a round: enough that start and end hardly count.
const SMALL: [(&str, usize); 2] = [("copy", 150), ("thumbnail", 40)];
/// Rounds of the transcoding job and of ffmpeg, in turns; odd, for a median.
const ROUNDS: usize = 3;
/// Length of the clip that is transcoded, in seconds.
const CLIP_SECONDS: u32 = 60;

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
    let worker = stage.worker(1);
    let [bare, attempt, command] = beside(&stage, &worker, &clip, "h264-720p", ROUNDS)?;
    table.row(format!("ffmpeg h264-720p of {CLIP_SECONDS} s, local file"), bare, "s");
    table.row("  the worker's whole attempt beside it", attempt, "");
    table.row("  valet run beside it, start to exit", command, "");
    Ok(())
}

/// Jobs that encode `clip`, and their ffmpeg alone on the local file, in turns. Medians: seconds of ffmpeg; the worker's
/// whole attempt, and `valet run` from start to exit, as ratios to it.
pub(super) fn beside(
    stage: &Stage<'_>,
    worker: &Process,
    clip: &Path,
    preset: &str,
    rounds: usize,
) -> Result<[f64; 3], String> {
    stage.storage.put_file(&stage.input, "clip.mp4", clip);
    let bare_output = stage.folder.join("bare");
    let (mut bares, mut attempts, mut commands) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let output = format!("beside-{round}");
        let job = || Attempt::run(stage, stage.valet(), "clip.mp4", &output, &[preset]);
        let (attempt, calls) = calls::seen(worker.id(), job);
        let attempt = attempt?;
        let call = calls.iter().find(|call| call.program == "ffmpeg").ok_or("no ffmpeg was seen")?;
        let bare = call.bare(clip, &bare_output)?;
        attempts.push(attempt.total / bare);
        commands.push(attempt.command / bare);
        bares.push(bare);
    }
    Ok([bares, attempts, commands].map(median))
}
