//! The calm after: when everything has ended, and that nothing is left of it on the machine.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::injury::Scene;
use super::reader::{Reader, Reports};
use crate::process::family::{children, descendants, orphans, told};
use crate::stage::COMMAND_TIMEOUT;
use crate::wait::try_wait_for;

/// Longest until the last job has ended, from the last trouble on: the retries of the topology, and grants' lives.
const END_TIMEOUT: Duration = Duration::from_secs(240);
/// The broker counts its messages once a second: only what it says for longer is so.
const QUIET_TIME: Duration = Duration::from_secs(3);
/// Longest until nothing is left of programs that have ended.
const CLEAN_TIMEOUT: Duration = Duration::from_secs(10);
/// Queues in which something may stay: dead letters, and what streams keep.
const KEPT: [&str; 5] = ["dead", "events.log", "control.log", "topology.log", "lanes.log"];
/// Open jobs that a failure shows.
const SHOWN: usize = 3;

/// Waits until every job has ended and every queue is empty, and returns all reports.
pub(super) fn wait(scene: &Scene<'_>, mut reader: Reader) -> Result<Reports, String> {
    let jobs: Vec<String> = scene.notes().submitted.keys().cloned().collect();
    let look = || {
        scene.tend_reminter()?;
        expect_ended(reader.look()?, &jobs)
    };
    try_wait_for(END_TIMEOUT, look)
        .and_then(|()| wait_for_quiet(scene))
        .map_err(|state| format!("{state}\n{}", scene.state()))?;
    scene.end_reminter()?;
    let again = scene.stage.valet().args(["--json", "events", "--since", "first", "--no-follow"]);
    let reports = Reports::parse(&again.run(COMMAND_TIMEOUT).expect_code(0).stdout)?;
    // Whoever followed all the time, through every outage, has seen every report.
    try_wait_for(CLEAN_TIMEOUT, || {
        let missed: Vec<String> =
            reports.ids().difference(&reader.look()?.ids()).map(|id| (*id).to_owned()).collect();
        if missed.is_empty() { Ok(()) } else { Err(format!("the follower missed {missed:?}")) }
    })?;
    Ok(reports)
}

fn expect_ended(reports: &Reports, jobs: &[String]) -> Result<(), String> {
    let open: Vec<&String> = jobs.iter().filter(|job| reports.ends(job).is_empty()).collect();
    if open.is_empty() {
        return Ok(());
    }
    let shown: String = open.iter().take(SHOWN).map(|job| reports.told(job)).collect();
    Err(format!("{} of {} jobs have not ended\n{shown}", open.len(), jobs.len()))
}

/// A message that came twice may still be under way when its job has ended.
fn wait_for_quiet(scene: &Scene<'_>) -> Result<(), String> {
    let mut since = Instant::now();
    try_wait_for(END_TIMEOUT, || {
        let path = format!("/api/queues/{}", scene.stage.vhost.name());
        let (_, queues) = scene.stage.broker.try_api("GET", &path, None)?;
        let queues = queues.as_array().cloned().unwrap_or_default();
        let full = queues.iter().filter(|queue| !KEPT.contains(&queue["name"].as_str().unwrap_or_default()));
        let full: Vec<String> = full
            .filter(|queue| queue["messages"] != 0)
            .map(|queue| format!("{}={}", queue["name"], queue["messages"]))
            .collect();
        if !full.is_empty() {
            since = Instant::now();
        }
        if since.elapsed() >= QUIET_TIME { Ok(()) } else { Err(format!("left in queues: {full:?}")) }
    })
}

/// What the machine had before the first program of a run.
pub(super) struct Machine {
    mounts: usize,
    /// Our children, which are no program of the run.
    known: Vec<u32>,
}

impl Machine {
    pub(super) fn look() -> Self {
        Self { mounts: mounts(), known: children(std::process::id()) }
    }

    /// Nothing is left: no process, no mount, no file of a job.
    ///
    /// A namespace lives as long as a process is in it, a file of it is open, or it is mounted somewhere.
    pub(super) fn compare(&self, scratch: &Path) -> Result<(), String> {
        try_wait_for(CLEAN_TIMEOUT, || {
            let left: Vec<String> = self.strangers();
            let (mounts, folders) = (mounts(), folders(scratch));
            if left.is_empty() && mounts <= self.mounts && folders.is_empty() {
                return Ok(());
            }
            Err(format!("left behind: {left:?}, {mounts} mounts ({} before), {folders:?}", self.mounts))
        })
    }

    /// Processes below us that the run left. The broker that was restarted, and the reader, are ours.
    fn strangers(&self) -> Vec<String> {
        let ours = |words: &String| {
            ["rabbitmq", "epmd", "azurite", "--since first"].iter().any(|w| words.contains(w))
        };
        let all = orphans(&self.known).into_iter().filter(|id| !ours(&told(*id)));
        all.flat_map(|id| std::iter::once(id).chain(descendants(id))).map(told).collect()
    }
}

fn mounts() -> usize {
    fs::read_to_string("/proc/self/mountinfo").expect("this is Linux").lines().count()
}

/// The workers' own folders in a scratch root.
fn folders(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let names = entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("worker-")).collect()
}
