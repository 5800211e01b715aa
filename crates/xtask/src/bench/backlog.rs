//! `cargo xtask bench backlog`: 200,000 jobs waiting. Neither rates nor memory may hang on how much waits.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use valet_testkit::Process;

use super::stage::{COMMAND_TIMEOUT, Services, Stage};
use super::table::Table;

/// Jobs that are added at a time, twice.
const BACKLOG: usize = 100_000;
/// Jobs for the rate of a worker with hardly any backlog: about what it does while it is watched.
const FEW: usize = 4_000;
/// How long a worker is watched at each backlog.
const WATCHED: Duration = Duration::from_secs(20);
/// How often a process's memory is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

pub(super) fn run() -> Result<(), String> {
    let services = Services::start()?;
    let stage = Stage::declared(&services, &["--queue-length-max", "1000000"]);
    stage.put("input", "some bytes");
    let mut table = Table::new("backlog");
    submit(&stage, FEW, 0, &mut table);
    consume(&stage, FEW, &mut table);
    for round in 1..=2 {
        submit(&stage, BACKLOG, round, &mut table);
        consume(&stage, round * BACKLOG, &mut table);
    }
    table.save()
}

/// `valet submit` of so many jobs: rate and peak memory.
fn submit(stage: &Stage<'_>, jobs: usize, round: usize, table: &mut Table) {
    let manifest =
        stage.manifest("copy", (0..jobs).map(|job| ("input".to_owned(), format!("{round}/{job:06}"))));
    let program = stage.valet().args(["submit", "--no-progress", "--manifest"]).arg(manifest);
    let begun = Instant::now();
    let submit = program.start();
    let mut peak = 0.0;
    while submit.is_running() {
        peak = memory(&submit, "VmHWM").unwrap_or(peak);
        sleep(LOOK_INTERVAL);
    }
    let seconds = begun.elapsed().as_secs_f64();
    submit.finish(COMMAND_TIMEOUT).expect_code(0);
    table.row(format!("submit of {jobs} jobs"), jobs as f64 / seconds, "jobs/s");
    table.row("  peak memory of valet submit", peak, "MiB");
}

/// A new worker's rate and memory while so many wait behind what it does.
fn consume(stage: &Stage<'_>, waiting: usize, table: &mut Table) {
    let worker = stage.worker(4);
    let (begun, before) = (Instant::now(), done(stage));
    sleep(WATCHED);
    let rate = (done(stage) - before) as f64 / begun.elapsed().as_secs_f64();
    table.row(format!("a worker of 4 slots, copies, about {waiting} waiting"), rate, "jobs/s");
    table.row("  memory of the worker", memory(&worker, "VmRSS").unwrap_or_default(), "MiB");
    worker.kill();
}

/// Jobs that workers have settled.
fn done(stage: &Stage<'_>) -> usize {
    let told = stage.broker.api("GET", &format!("/api/queues/{}/jobs.r0", stage.vhost.name()), None);
    usize::try_from(told["message_stats"]["ack"].as_u64().unwrap_or_default()).unwrap_or_default()
}

/// A line of a process's status, in MiB.
fn memory(process: &Process, line: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).ok()?;
    let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'))?;
    let kibibytes: f64 = found.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes / 1024.0)
}
