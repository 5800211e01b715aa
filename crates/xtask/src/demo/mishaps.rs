//! What goes wrong in a fleet, on purpose: a worker dies in the middle of a job, a job is no longer wanted. What the
//! store of all jobs says afterwards.

use std::time::{Duration, Instant};

use serde_json::Value;
use valet_testkit::Process;
use valet_testkit::wait::try_wait_for;

use super::clips::JOBS;
use super::say::{self, Promises};
use super::scene::{self, ORIGINALS, RENDITIONS, Scene};
use super::{WORKERS, signals};
use crate::shell;

/// Longest until a worker has a job in hand, and until another one has it after a crash.
const TAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// Kills a worker in the middle of a job, cancels another job, and lists what became of everything.
pub(super) fn survive(
    scene: &Scene,
    workers: &mut Vec<Process>,
    promises: &mut Promises,
) -> Result<(), String> {
    crash(scene, workers, promises)?;
    signals::check()?;
    cancel(scene, promises)?;
    say::command(&["valet", "list"]);
    let code = scene::attended(&mut scene.valet(&["list"]))?;
    let states = states(scene)?;
    let told = format!("the store knows all {} jobs and how they ended", states.len());
    promises
        .hold(code == 0 && states.len() == JOBS.len() + 2 && states.iter().all(|state| is_end(state)), told);
    Ok(())
}

fn crash(scene: &Scene, workers: &mut Vec<Process>, promises: &mut Promises) -> Result<(), String> {
    let id = submit(scene, "crash.mp4")?;
    let (first, _) = in_hand(scene, &id, |_, _| true)?;
    say::remark(format!("{first} works on it, and is killed (SIGKILL)"));
    let number = (1..=WORKERS).find(|number| format!("worker-{number}") == first);
    let position = number.ok_or_else(|| format!("{first} is none of ours"))? - 1;
    let killed = Instant::now();
    drop(workers.remove(position));
    let (second, _) = in_hand(scene, &id, |worker, _| worker != first)?;
    let seconds = killed.elapsed().as_secs_f64();
    promises.hold(seconds < 30.0, format!("{second} has the job {seconds:.1} s later"));
    let code = scene::attended(&mut scene.valet(&["wait", "--timeout", "150s", &id]))?;
    promises.hold(code == 0, "the job succeeded all the same");
    let is_there = scene.storage.exists(RENDITIONS, "crash.mp4");
    promises.hold(is_there, "its output is there, once: a create-only grant cannot write twice");
    workers.insert(position, scene.worker(WORKERS + 1)?);
    Ok(())
}

fn cancel(scene: &Scene, promises: &mut Promises) -> Result<(), String> {
    let id = submit(scene, "unwanted.mp4")?;
    in_hand(scene, &id, |_, _| true)?;
    say::command(&["valet", "cancel", "ID", "--wait"]);
    let begun = Instant::now();
    scene::attended(&mut scene.valet(&["cancel", &id, "--wait"]))?;
    let state = state(scene, &id)?;
    let seconds = begun.elapsed().as_secs_f64();
    promises
        .hold(state["state"] == "cancelled", format!("a running job was cancelled within {seconds:.1} s"));
    let is_absent = !scene.storage.exists(RENDITIONS, "unwanted.mp4");
    promises.hold(is_absent, "nothing of it was stored");
    Ok(())
}

/// Submits the longest of the jobs once more, under another name.
fn submit(scene: &Scene, output: &str) -> Result<String, String> {
    let job = &JOBS[0];
    let (input, output) = (format!("{ORIGINALS}/{}", job.input), format!("{RENDITIONS}/{output}"));
    let words = [&["submit", &input, &output], job.preset].concat();
    say::command(&[&["valet"], &words[..]].concat());
    let told = shell::output(&mut scene.valet(&words))?;
    let id = told.split_whitespace().next().ok_or("valet submit printed no id")?;
    Ok(id.to_owned())
}

/// Waits until a worker has the job in hand, as `fits` says of its name, and returns the name.
fn in_hand(scene: &Scene, id: &str, fits: impl Fn(&str, &Value) -> bool) -> Result<(String, Value), String> {
    try_wait_for(TAKE_TIMEOUT, || {
        let state = state(scene, id)?;
        match state["worker"].as_str() {
            Some(worker) if state["state"] == "running" && fits(worker, &state) => {
                Ok((worker.to_owned(), state.clone()))
            }
            _ => Err(format!("the job stands so: {state}")),
        }
    })
}

fn state(scene: &Scene, id: &str) -> Result<Value, String> {
    scene::values(&mut scene.valet(&["--json", "status", id]))?.pop().ok_or_else(|| "no state".to_owned())
}

fn states(scene: &Scene) -> Result<Vec<String>, String> {
    let jobs = scene::values(&mut scene.valet(&["--json", "list"]))?;
    Ok(jobs.iter().map(|job| job["state"].as_str().unwrap_or_default().to_owned()).collect())
}

fn is_end(state: &str) -> bool {
    ["succeeded", "failed", "cancelled"].contains(&state)
}
