//! However a worker ends, in good order or not, its job is done once and nothing of it is left behind.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use valet_testkit::{Process, media, wait_for};

use crate::backstage::{kind, wait_for_depth};
use crate::stage::{COMMAND_TIMEOUT, Stage};

/// Well above what the end of any of these workers takes.
const END_TIMEOUT: Duration = Duration::from_secs(60);

/// Enqueues a job that keeps a worker busy for some seconds.
fn submit_long(stage: &Stage<'_>, output: &str) -> String {
    stage.storage.put_file(&stage.input, "long.mp4", &media::long_clip(60));
    let input = format!("{}/long.mp4", stage.input);
    stage.submit(&input, &stage.target(output), &["--preset", "h264-720p", "--param", "speed=medium"])
}

/// Waits until ffmpeg is at work on the job.
#[track_caller]
fn wait_for_codec(stage: &Stage<'_>, job: &str, worker: &Process) {
    wait_for("the codec to be at work", COMMAND_TIMEOUT, || {
        let reports = stage.reports(job);
        let working = |report: &Value| {
            kind(report) == "progress"
                && report["data"]["phase"] == "codec"
                && report["data"]["percent"].is_number()
        };
        if reports.iter().any(working) { Ok(()) } else { Err(format!("{reports:?}\n{}", worker.stderr())) }
    });
}

/// Exactly one success, by `worker`, and exactly one output.
#[track_caller]
fn expect_done_once(stage: &Stage<'_>, job: &str, worker: &str) {
    let end = stage.wait(0, job);
    assert_eq!((&end["state"], &end["worker"]), (&"succeeded".into(), &worker.into()), "{end:#}");
    let reports = stage.reports(job);
    assert_eq!(reports.iter().filter(|report| kind(report) == "succeeded").count(), 1, "{reports:?}");
    assert_eq!(stage.storage.list(&stage.output).len(), 1);
    assert!(stage.dead().is_empty(), "{:?}", stage.dead());
}

#[test]
fn sigterm_finishes_the_job_in_hand_and_takes_no_new_one() {
    let stage = Stage::new();
    let worker = stage.start(stage.worker_program().env("VALET_WORKER_GRACE_SECONDS", "90"));
    let first = submit_long(&stage, "first.mp4");
    wait_for_codec(&stage, &first, &worker);
    let input = stage.put("second", "some bytes");
    let second = stage.submit(&input, &stage.target("second"), &["--preset", "copy"]);

    let status = worker.terminate(END_TIMEOUT);
    assert_eq!(status.code(), Some(0), "{}", worker.stderr());
    expect_done_once(&stage, &first, "worker-0");
    assert_eq!(stage.json(0, &["status", &second])[0]["state"], "queued", "nobody has taken it");
    wait_for_depth(&stage, "jobs.r0", 1);
    let _other = stage.worker();
    assert_eq!(stage.wait(0, &second)["worker"], "worker-1");
}

#[test]
fn a_second_sigterm_hands_the_job_back_at_once_and_another_worker_does_it() {
    let stage = Stage::new();
    let worker = stage.start(stage.worker_program().env("VALET_WORKER_GRACE_SECONDS", "90"));
    let job = submit_long(&stage, "film.mp4");
    wait_for_codec(&stage, &job, &worker);
    worker.signal(rustix::process::Signal::TERM);
    wait_for("the worker to drain", END_TIMEOUT, || {
        let said = worker.stderr();
        if said.contains("draining") { Ok(()) } else { Err(said) }
    });
    let status = worker.terminate(Duration::from_secs(10));
    assert_eq!(status.code(), Some(0), "{}", worker.stderr());
    assert!(worker.stderr().contains("handed the job back"), "{}", worker.stderr());
    assert!(!stage.storage.exists(&stage.output, "film.mp4"), "nothing half done is stored");
    let _other = stage.worker();
    expect_done_once(&stage, &job, "worker-1");
}

#[test]
fn a_grace_period_that_is_too_short_hands_the_job_back() {
    let stage = Stage::new();
    let worker = stage.start(stage.worker_program().env("VALET_WORKER_GRACE_SECONDS", "1"));
    let job = submit_long(&stage, "film.mp4");
    wait_for_codec(&stage, &job, &worker);
    assert_eq!(worker.terminate(Duration::from_secs(15)).code(), Some(0), "{}", worker.stderr());
    assert!(worker.stderr().contains("grace period is over"), "{}", worker.stderr());
    wait_for_depth(&stage, "jobs.r0", 1);
    assert!(!stage.storage.exists(&stage.output, "film.mp4"), "nothing half done is stored");
}

#[test]
fn a_worker_killed_in_the_middle_loses_no_job_and_leaves_no_scratch() {
    let stage = Stage::new();
    let root = stage.mode.folder("scratch");
    let on_root = || stage.worker_program().env("VALET_WORKER_SCRATCH", root.path());
    let worker = stage.start(on_root());
    let job = submit_long(&stage, "film.mp4");
    wait_for_codec(&stage, &job, &worker);
    worker.kill();
    let left: Vec<PathBuf> = entries(root.path()).into_iter().filter(|path| path.is_dir()).collect();
    assert!(left.len() == 1 && !entries(&left[0]).is_empty(), "the dead leave things behind: {left:?}");

    let second = stage.start(on_root());
    assert!(!left[0].exists(), "{} should have been swept\n{}", left[0].display(), second.stderr());
    expect_done_once(&stage, &job, "worker-1");
    assert_eq!(second.terminate(END_TIMEOUT).code(), Some(0), "{}", second.stderr());
    assert_eq!(entries(root.path()), Vec::<PathBuf>::new(), "a worker that ends well leaves nothing");
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect()
}
