//! `cargo xtask bench enqueue`: jobs from a manifest, minted and confirmed by the real `valet submit`, beside a
//! bare lapin loop with the same bytes, window and broker, in turns.

use std::time::{Duration, Instant};

use serde_json::json;
use valet_testkit::Program;

use super::median;
use super::stage::{COMMAND_TIMEOUT, Services, Stage, release};
use super::table::Table;
use crate::shell;

/// Jobs a round.
const JOBS: usize = 20_000;
/// Rounds of both sides; odd, for a median.
const ROUNDS: usize = 3;
/// Unconfirmed messages at a time: what `valet submit` uses (`PublisherOptions::BULK_WINDOW`).
const WINDOW: usize = 512;
/// What the project promises of Valet's rate beside the bare loop's.
const PROMISE: f64 = 0.8;

pub(super) fn run() -> Result<(), String> {
    let services = Services::start()?;
    let example = ["build", "--release", "--package", "valet-broker", "--example", "bare_publish"];
    shell::check(&mut shell::cargo(&example))?;
    let stage = Stage::new(&services);
    let one = submit(&stage, 1, &[]);
    let message = message(&stage)?;
    let bare = |messages| bare(&stage, &message, messages);
    stage.purge();

    println!("{JOBS} jobs, window {WINDOW}, {ROUNDS} rounds in turns, medians");
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let bare_rate = rate(bare(JOBS)?);
        stage.purge();
        let valet_rate = rate(submit(&stage, JOBS, &[]));
        stage.purge();
        ratios.push(valet_rate / bare_rate);
        ours.push(valet_rate);
        theirs.push(bare_rate);
    }
    let ratio = median(ratios);
    let mut table = Table::new("enqueue");
    table.row("bare lapin loop, connected before the clock", median(theirs), "jobs/s");
    table.row("valet submit --manifest, whole process", median(ours), "jobs/s");
    table.row("  of it: process start, connection, one job", one.as_secs_f64(), "s");
    table.row(
        "  of it: manifest, checks, minting (--dry-run)",
        submit(&stage, JOBS, &["--dry-run"]).as_secs_f64(),
        "s",
    );
    table.row("valet beside bare (median of rounds)", ratio, "");
    table.save()?;
    if ratio < PROMISE {
        return Err(format!("{ratio:.2} of the bare rate, {PROMISE} is promised"));
    }
    Ok(())
}

fn rate(took: Duration) -> f64 {
    JOBS as f64 / took.as_secs_f64()
}

/// How long `valet submit` takes for a manifest of so many jobs, from start to exit.
fn submit(stage: &Stage<'_>, jobs: usize, more: &[&str]) -> Duration {
    let names = (0..jobs).map(|job| (format!("in/{job:06}/clip.mov"), format!("out/{job:06}/clip.mp4")));
    let manifest = stage.manifest("h264-720p", names);
    let submit = stage.valet().args(["submit", "--no-progress", "--manifest"]).arg(manifest).args(more);
    let begun = Instant::now();
    submit.run(COMMAND_TIMEOUT).expect_code(0);
    begun.elapsed()
}

/// The waiting job as the management API shows it, in a file for the bare loop. It stays in its queue.
fn message(stage: &Stage<'_>) -> Result<std::path::PathBuf, String> {
    let path = format!("/api/queues/{}/jobs.r0/get", stage.vhost.name());
    let how = json!({"count": 1, "ackmode": "ack_requeue_true", "encoding": "base64"});
    let got = stage.broker.api("POST", &path, Some(how));
    let message = got.get(0).ok_or("the first job is not in its queue")?;
    Ok(stage.folder.write("message.json", message.to_string()))
}

/// How long the bare loop takes for so many messages, by its own clock.
fn bare(stage: &Stage<'_>, message: &std::path::Path, messages: usize) -> Result<Duration, String> {
    let url = format!("{}/{}", stage.broker.amqp_url_with_login(), stage.vhost.name());
    let program = Program::new(release("examples/bare_publish"))
        .arg(url)
        .arg(message)
        .args([messages.to_string(), WINDOW.to_string()]);
    let said = program.run(COMMAND_TIMEOUT).expect_code(0).stdout;
    let seconds = said.trim().parse().map_err(|_| format!("bare_publish said {said:?}"))?;
    Ok(Duration::from_secs_f64(seconds))
}
