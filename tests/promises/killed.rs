//! A worker that is killed at any moment leaves nothing on the machine once the next one runs, and no job is lost
//! or done twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use valet_testkit::process::family::{adopt_orphans, children, orphans, told};
use valet_testkit::wait::let_pass;
use valet_testkit::{Broker, Folder, Process, Program, Storage, media, wait_for};

use crate::backstage::kind;
use crate::stage::{COMMAND_TIMEOUT, Stage};

const KILLS: usize = 100;
/// Longest until nothing is left of the dead, from the start of the next worker.
const CLEAN_TIMEOUT: Duration = Duration::from_secs(5);
/// Long enough for a job or two, and for every step of each.
const LIFE_MILLISECONDS_MAX: u64 = 800;
/// One life in so many is cut short while the worker still sets itself up.
const STILLBORN_ONE_IN: u64 = 4;
/// As long as a worker takes to set itself up, about.
const CHILDHOOD_MILLISECONDS_MAX: u64 = 400;
const JOBS: usize = 120;
/// How a job can have ended, as reports and `valet status` call it.
const FINAL: [&str; 5] = ["succeeded", "failed", "dead", "expired", "cancelled"];
/// Set to repeat a run.
const ENV_SEED: &str = "VALET_TEST_SEED";

/// What the machine had before the first worker.
struct Before {
    mounts: usize,
    /// Our children that are no worker.
    known: Vec<u32>,
}

impl Before {
    fn look() -> Self {
        Self { mounts: mounts(), known: children(std::process::id()) }
    }

    /// Nothing of any dead worker is left but `living`, in good time.
    ///
    /// A namespace lives as long as a process is in it, a file of it is open, or it is mounted somewhere: without
    /// processes of the dead and without mounts there are none of theirs.
    #[track_caller]
    fn wait_until_clean(&self, living: &Process, scratch: &Path) {
        let known = [self.known.as_slice(), &[living.id()]].concat();
        wait_for("the end of all that the dead left", CLEAN_TIMEOUT, || {
            let processes: Vec<String> = orphans(&known).into_iter().map(told).collect();
            let mounts = mounts();
            let scratch = directories(scratch);
            if processes.is_empty() && mounts <= self.mounts && scratch.len() <= 1 {
                return Ok(());
            }
            Err(format!("{processes:?}\n{mounts} mounts, {} before\n{scratch:?}", self.mounts))
        });
    }
}

fn mounts() -> usize {
    std::fs::read_to_string("/proc/self/mountinfo").expect("this is Linux").lines().count()
}

/// The directories of workers in a scratch root; the codec's roots are nobody's.
fn directories(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let workers = entries.filter(|entry| entry.path().is_dir());
    let names = workers.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("worker-")).collect()
}

/// Short jobs of several kinds, so that a random moment meets every step: probe, codec, check, store.
fn submit_jobs(stage: &Stage<'_>) -> Vec<String> {
    let clip = stage.put("clip.mp4", media::bytes("clip.mp4"));
    stage.put("text", "no film");
    let text = format!("{}/text", stage.input);
    let line = |number: usize| {
        let preset = ["thumbnail", "audio-aac", "h264-720p", "copy", "probe-json", "preview-gif"][number % 6];
        let input = if number % 10 == 9 { &text } else { &clip };
        json!({ "input": input, "output": stage.target(&format!("{number:03}")), "preset": preset })
    };
    let manifest: String = (0..JOBS).map(|number| format!("{}\n", line(number))).collect();
    let submit = stage.valet().args(["--json", "submit", "--manifest", "-"]).stdin(manifest);
    let lines = submit.run(COMMAND_TIMEOUT).expect_code(0).stdout;
    let id = |line: &str| {
        serde_json::from_str::<Value>(line).expect("JSON lines")["id"].as_str().map(str::to_owned)
    };
    lines.lines().map(|line| id(line).expect("an id")).collect()
}

/// The kinds of final reports about a job. A report that is told twice has the same id and counts once.
fn ends(id: &str, reports: &[Value]) -> Vec<String> {
    let of_job = reports.iter().filter(|report| report["subject"] == id);
    let named = of_job.map(|report| (report["id"].to_string(), kind(report).to_owned()));
    let distinct: BTreeMap<String, String> = named.collect();
    distinct.into_values().filter(|kind| FINAL.contains(&kind.as_str())).collect()
}

#[test]
fn heavy_a_worker_killed_at_100_moments_leaves_nothing_behind_and_loses_no_job() {
    let seed =
        std::env::var(ENV_SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("{ENV_SEED}={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let stage = Stage::on(Broker::shared(), Storage::shared());
    let root: Folder = stage.mode.folder("scratch");
    let jobs = submit_jobs(&stage);
    let worker = || -> Program {
        stage.worker_program().env("VALET_WORKER_SCRATCH", root.path()).env("VALET_WORKER_SLOTS", "2")
    };
    adopt_orphans();
    let before = Before::look();
    for _ in 0..KILLS {
        if random.u64(..STILLBORN_ONE_IN) == 0 {
            let worker = worker().start();
            let_pass(Duration::from_millis(random.u64(..CHILDHOOD_MILLISECONDS_MAX)));
            worker.kill();
            continue;
        }
        let worker = stage.start(worker());
        before.wait_until_clean(&worker, root.path());
        let_pass(Duration::from_millis(random.u64(..LIFE_MILLISECONDS_MAX)));
        worker.kill();
    }
    let last = stage.start(worker());
    before.wait_until_clean(&last, root.path());
    expect_all_ended(&stage, &jobs, &last);
    assert!(last.terminate(COMMAND_TIMEOUT).success(), "{}", last.stderr());
    assert_eq!(directories(root.path()), [""; 0], "a worker that ends well leaves nothing");
}

/// Every job is done or dead, and each that is done has its output and one report of it.
#[track_caller]
fn expect_all_ended(stage: &Stage<'_>, jobs: &[String], worker: &Process) {
    wait_for("the end of all jobs", COMMAND_TIMEOUT, || {
        let open = open_jobs(stage, jobs);
        if open.is_empty() {
            Ok(())
        } else {
            Err(format!("{} are open: {open:?}\n{}", open.len(), worker.last_lines()))
        }
    });
    let reports = stage.json(0, &["events", "--since", "first", "--no-follow"]);
    let count = |id: &String| ends(id, &reports).iter().filter(|kind| *kind == "succeeded").count();
    let (done, rest): (Vec<_>, Vec<_>) = jobs.iter().enumerate().partition(|(_, id)| count(id) > 0);
    println!("{} jobs succeeded, {} did not", done.len(), rest.len());
    assert!(!done.is_empty(), "some job must survive {KILLS} kills");
    assert!(jobs.iter().all(|id| count(id) <= 1), "a job succeeded more than once: {reports:#?}");
    let stored: BTreeSet<String> = stage.storage.list(&stage.output).into_iter().collect();
    let missing: Vec<_> =
        done.iter().filter(|(number, _)| !stored.contains(&format!("{number:03}"))).collect();
    assert!(missing.is_empty(), "told as stored, and not there: {missing:?}");
}

/// Jobs that are neither told to have ended nor dead letters: the broker itself buries a job whose worker has died
/// too often, and tells nobody.
fn open_jobs<'a>(stage: &Stage<'_>, jobs: &'a [String]) -> Vec<&'a String> {
    let arguments: Vec<&str> = ["status"].into_iter().chain(jobs.iter().map(String::as_str)).collect();
    let states = stage.json(0, &arguments);
    let told = states.iter().filter(|state| FINAL.iter().any(|end| state["state"] == *end));
    let letters = stage.dead();
    let ended: BTreeSet<&str> = told.chain(&letters).filter_map(|one| one["id"].as_str()).collect();
    jobs.iter().filter(|id| !ended.contains(id.as_str())).collect()
}
