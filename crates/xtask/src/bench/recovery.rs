//! `cargo xtask bench recovery`: how long until work goes on after a worker, its host, the broker or storage was
//! gone. Times are from the moment of the harm (or of its end) until the report comes that shows it.

use std::time::{Duration, Instant};

use serde_json::Value;
use valet_testkit::{Fault, FaultProxy, Process, media, wait_for};

use super::hole::Hole;
use super::stage::{COMMAND_TIMEOUT, Services, Stage};
use super::table::Table;

/// Rounds of each; odd, for a median.
const ROUNDS: usize = 5;
/// Rounds of a host that vanishes, which take half a minute each.
const HOST_ROUNDS: usize = 3;
/// Length of the clip that is encoded while its worker dies: longer than any round.
const CLIP_SECONDS: u32 = 300;
/// How long storage is away.
const AWAY: Duration = Duration::from_secs(10);

pub(super) fn run() -> Result<(), String> {
    let services = Services::start()?;
    let mut table = Table::new("recovery");
    let killed = rounds(ROUNDS, || worker_lost(&services, false))?;
    told(&mut table, "worker killed: its job runs elsewhere", killed);
    let vanished = rounds(HOST_ROUNDS, || worker_lost(&services, true))?;
    told(&mut table, "worker's host vanished: its job runs elsewhere", vanished);
    let restarted = rounds(ROUNDS, || broker_back(&services))?;
    told(&mut table, "broker killed and up again: first job done", restarted);
    let back = rounds(ROUNDS, || storage_back(&services))?;
    told(&mut table, "storage away for 10 s and back: first job done", back);
    table.save()
}

fn rounds(count: usize, round: impl FnMut() -> Result<f64, String>) -> Result<Vec<f64>, String> {
    std::iter::repeat_with(round).take(count).collect()
}

fn told(table: &mut Table, what: &str, seconds: Vec<f64>) {
    let worst = seconds.iter().copied().fold(0.0, f64::max);
    table.row(format!("{what}, median of {}", seconds.len()), super::median(seconds), "s");
    table.row("  worst", worst, "s");
}

/// A worker is killed, or its host vanishes, in the middle of a job.
fn worker_lost(services: &Services, vanishes: bool) -> Result<f64, String> {
    let stage = Stage::new(services);
    stage.storage.put_file(&stage.input, "clip.mp4", &media::long_clip(CLIP_SECONDS));
    let address = stage.broker.amqp_url("");
    let address = address.trim_start_matches("amqp://").trim_end_matches('/');
    let hole = Hole::start(address)?;
    let url = stage.vhost.amqp_url().replace(address, &hole.address());
    let first = stage.start(stage.worker_program().env("VALET_BROKER_URL", url));
    let job = stage.submit(
        &format!("{}/clip.mp4", stage.input),
        &stage.target("clip.mp4"),
        &["--preset", "h264-720p", "--param", "speed=slow"],
    );
    let reader = follow(&stage);
    let worker = until(&reader, "the first worker's start", |report| {
        (report["subject"] == job.as_str() && kind(report) == "started").then(|| worker_of(report))
    });
    let _second = stage.worker(1);
    let begun = Instant::now();
    if vanishes {
        hole.swallow();
    } else {
        first.kill();
    }
    until(&reader, "another worker's start", |report| {
        (kind(report) == "started" && worker_of(report) != worker).then_some(())
    });
    Ok(begun.elapsed().as_secs_f64())
}

/// The broker is killed and started again; a job is submitted as soon as it takes connections.
fn broker_back(services: &Services) -> Result<f64, String> {
    let stage = Stage::new(services);
    stage.put("input", "bytes");
    let _worker = stage.worker(1);
    // RabbitMQ 3.10 forgets queues that were declared some seconds before a kill, unless it was stopped since.
    stage.broker.stop();
    stage.broker.restart();
    run_copy(&stage, "before");
    stage.broker.kill();
    stage.broker.restart();
    let begun = Instant::now();
    run_copy(&stage, "after");
    Ok(begun.elapsed().as_secs_f64())
}

/// Storage refuses connections while a job waits for it, and then does not any more.
fn storage_back(services: &Services) -> Result<f64, String> {
    let proxy = FaultProxy::start(services.storage.address());
    let stage = Stage::new(services).through(&proxy.url(&services.storage.endpoint()));
    stage.put("input", "bytes");
    let _worker = stage.worker(1);
    proxy.always(Fault::Refuse);
    let reader = follow(&stage);
    let job = stage.submit(&format!("{}/input", stage.input), &stage.target("output"), &["--preset", "copy"]);
    valet_testkit::wait::let_pass(AWAY);
    proxy.heal();
    let begun = Instant::now();
    until(&reader, "the job's end", |report| {
        (report["subject"] == job.as_str() && kind(report) == "succeeded").then_some(())
    });
    Ok(begun.elapsed().as_secs_f64())
}

/// One job from submission to its end, tried again while the broker is on its way back.
fn run_copy(stage: &Stage<'_>, output: &str) {
    wait_for("a copy to be done", COMMAND_TIMEOUT, || {
        let (input, output) = (format!("{}/input", stage.input), stage.target(output));
        let words = ["run", &input, &output, "--preset", "copy", "--idempotency-key", &output];
        let told = stage.valet().args(words).run(COMMAND_TIMEOUT);
        if told.success() { Ok(()) } else { Err(told.stderr) }
    });
}

fn follow(stage: &Stage<'_>) -> Process {
    stage.valet().args(["--json", "events", "--since", "first"]).start()
}

/// Waits for a report.
fn until<T>(reader: &Process, what: &str, found: impl Fn(&Value) -> Option<T>) -> T {
    wait_for(what, COMMAND_TIMEOUT, || {
        let said = reader.stdout();
        let reports = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        reports.filter_map(|report| found(&report)).next().ok_or_else(|| reader.last_lines())
    })
}

/// `started` of `valet.job.started`.
fn kind(report: &Value) -> &str {
    report["type"].as_str().and_then(|kind| kind.rsplit('.').next()).unwrap_or_default()
}

/// `worker-1` of `/valet/workers/worker-1`.
fn worker_of(report: &Value) -> String {
    report["source"].as_str().and_then(|source| source.rsplit('/').next()).unwrap_or_default().to_owned()
}
