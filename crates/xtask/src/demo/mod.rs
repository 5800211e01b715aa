//! `cargo xtask demo`: Valet's main job on real services, in sight, and what its worker could not have done.
//!
//! Starts everything, ends everything, and fails when anything that it promises does not happen.

mod clips;
mod grants;
mod jail;
mod keyless;
mod login;
mod mishaps;
mod outputs;
mod say;
mod scene;
mod signals;

use std::process::ExitCode;
use std::time::Instant;

use serde_json::Value;
use valet_protocol::JobMessage;
use valet_testkit::Process;

use crate::{Outcome, setup, shell};
use clips::JOBS;
use say::Promises;
use scene::{ORIGINALS, RENDITIONS, Scene};

const WORKERS: usize = 2;
/// `valet`'s exit code when a job did not succeed: here, the corrupt one.
const EXIT_JOB_FAILED: i32 = 1;

/// Sets up, shows, and says how it went.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if !arguments.is_empty() {
        return Err("it takes no argument".to_owned());
    }
    signals::watch()?;
    setup::ensure(false)?;
    shell::build_programs()?;
    let started = Instant::now();
    let mut promises = Promises::default();
    let shown = show(&mut promises);
    if signals::is_stopping() {
        eprintln!("stopped; nothing is left running");
        return Ok(ExitCode::from(signals::EXIT_STOPPED));
    }
    shown?;
    say::part("Done");
    let seconds = started.elapsed().as_secs();
    match promises.broken() {
        [] => println!("{} promises held, in {seconds} s. Everything is stopped.", promises.kept()),
        broken => return Err(format!("{} promises were broken:\n  {}", broken.len(), broken.join("\n  "))),
    }
    Ok(ExitCode::SUCCESS)
}

fn show(promises: &mut Promises) -> Result<(), String> {
    let scene = start()?;
    put_clips(&scene);
    let ids = submit(&scene)?;
    let messages = seen_on_the_broker(&scene)?;
    let mut workers = start_workers(&scene)?;
    let ends = watch(&scene, &ids, promises)?;

    say::part("What came out");
    outputs::save(&scene, &ends, promises)?;
    say::part("What became of the corrupt input");
    outputs::explain(&scene, &ends, promises);
    signals::check()?;
    say::part("What a crash does not lose, and what is no longer wanted");
    mishaps::survive(&scene, &mut workers, promises)?;
    signals::check()?;
    say::part("What the worker's grants could not do");
    grants::attack(&scene, &messages, promises)?;
    say::part("What the worker holds");
    keyless::look(&scene, &workers, &messages, promises)?;
    say::part("What the worker's broker login could not do");
    login::attack(&scene, promises)?;
    signals::check()?;
    say::part("What media that takes over ffmpeg could not do");
    jail::attack(&scene, promises);
    signals::check()
}

fn start() -> Result<Scene, String> {
    say::part("Starting RabbitMQ and Azurite (Azure's storage emulator), for this run alone");
    let scene = Scene::set_up()?;
    let own = |text: &str| text.to_owned();
    say::rows(&[
        [
            own("broker"),
            scene.broker.amqp_url("valet"),
            own("with exchanges, queues and three logins of least rights"),
        ],
        [own("storage"), scene.storage.endpoint(), own("its key is known to the producer only")],
    ]);
    signals::check()?;
    Ok(scene)
}

fn put_clips(scene: &Scene) {
    say::part("Four inputs, put into storage by their owner");
    let row = |job: &clips::Job| {
        let bytes = job.bytes();
        scene.storage.put(ORIGINALS, job.input, &bytes);
        [format!("{ORIGINALS}/{}", job.input), say::bytes(bytes.len() as u64), job.about.to_owned()]
    };
    say::rows(&JOBS.iter().map(row).collect::<Vec<_>>());
}

/// Submits all jobs through the command line and returns their ids.
fn submit(scene: &Scene) -> Result<Vec<String>, String> {
    say::part("The producer mints two grants a job and enqueues it");
    let mut ids = Vec::new();
    for job in &JOBS {
        signals::check()?;
        let (input, output) = (format!("{ORIGINALS}/{}", job.input), format!("{RENDITIONS}/{}", job.output));
        let words = [&["submit", &input, &output], job.preset].concat();
        say::command(&[&["valet"], &words[..]].concat());
        let told = shell::output(&mut scene.valet(&words))?;
        print!("{told}");
        let id = told.split_whitespace().next().ok_or("valet submit printed no id")?;
        ids.push(id.to_owned());
    }
    Ok(ids)
}

/// The messages as they passed the broker, in order.
fn seen_on_the_broker(scene: &Scene) -> Result<Vec<JobMessage>, String> {
    let bodies = JOBS.iter().map_while(|_| scene.tapped());
    let decoded = bodies.map(|body| JobMessage::decode(body.as_bytes()).map_err(|cause| cause.to_string()));
    decoded.collect()
}

fn start_workers(scene: &Scene) -> Result<Vec<Process>, String> {
    say::part("Two workers start: each has a broker login, and no storage key");
    let workers: Vec<Process> = (1..=WORKERS).map(|number| scene.worker(number)).collect::<Result<_, _>>()?;
    say::command(&["valet-worker run --config worker.toml", "   # twice"]);
    Ok(workers)
}

/// Follows all jobs in sight, and returns how each ended, in the order of `ids`.
fn watch(scene: &Scene, ids: &[String], promises: &mut Promises) -> Result<Vec<Value>, String> {
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    say::command(&["valet wait", "ID ID ID ID"]);
    let code = scene::attended(&mut scene.valet(&[&["wait", "--timeout", "150s"], &ids[..]].concat()))?;
    let told = format!("valet wait ended with exit code {code}: one of the jobs failed, as it must");
    promises.hold(code == EXIT_JOB_FAILED, told);
    let ends =
        scene::values(&mut scene.valet(&[&["--json", "wait", "--timeout", "30s"], &ids[..]].concat()))?;
    let end_of = |id: &&str| {
        ends.iter().find(|end| end["id"] == **id).cloned().ok_or_else(|| format!("no word about job {id}"))
    };
    ids.iter().map(end_of).collect()
}
