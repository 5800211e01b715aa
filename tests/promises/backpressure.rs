//! A worker that could only fail takes no job: it says so once, and goes on by itself when it can again.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::Value;
use valet_testkit::{Broker, Fault, FaultProxy, Process, Program, Storage, media, wait_for};

use crate::backstage::{kind, wait_for_depth};
use crate::health::Watched;
use crate::stage::{COMMAND_TIMEOUT, Stage};

/// Room that the test's scratch has above what is to stay free.
const ROOM_BYTES: u64 = 128 << 20;

/// How often a worker said this.
fn times(worker: &Process, words: &str) -> usize {
    worker.stderr().matches(words).count()
}

#[test]
fn heavy_a_broker_that_is_short_of_memory_gets_no_more_work_done_until_it_has_some() {
    let broker = Broker::start();
    let (stage, watched) = (Stage::on(&broker, Storage::shared()), Watched::reserve());
    stage.storage.put_file(&stage.input, "long.mp4", &media::long_clip(60));
    let doomed = stage.worker();
    let first = submit_long(&stage, "first.mp4");
    wait_for_codec(&stage, &first, &doomed);
    let worker = stage.start(watched.on(stage.worker_program()).env("VALET_WORKER_SLOTS", "2"));
    let second = submit_long(&stage, "second.mp4");
    wait_for_codec(&stage, &second, &worker);
    // A connection is blocked when it next publishes; the job's progress does.
    broker.control(&["set_vm_memory_high_watermark", "absolute", "1"]);
    watched.wait_for_reason("broker-blocked", &worker);
    let blocked = r#"valet_worker_broker_link{link="publish",state="blocked"} 1"#;
    assert!(watched.metrics().contains(blocked), "{}", watched.metrics());
    // Nobody can publish a job now; one comes back all the same, and the free slot leaves it alone.
    doomed.kill();
    let path = format!("/api/queues/{}/jobs.r0", stage.vhost.name());
    wait_for("the killed worker's job to be back", COMMAND_TIMEOUT, || {
        let queue = stage.broker.api("GET", &path, None);
        // The other job is in hand, and counts among all messages.
        if queue["messages_ready"] == 1 { Ok(()) } else { Err(stage.vhost.queue_depths()) }
    });
    assert!(watched.metrics().contains("valet_worker_jobs_in_hand 1"), "{}", watched.metrics());

    broker.control(&["set_vm_memory_high_watermark", "absolute", "2GB"]);
    for job in [&first, &second] {
        let end = stage.wait(0, job);
        assert_eq!((&end["state"], &end["worker"]), (&"succeeded".into(), &"worker-1".into()), "{end:#}");
    }
    assert_eq!(times(&worker, "the broker takes no reports"), 1, "{}", worker.stderr());
    assert_eq!(times(&worker, "jobs are taken again"), 1, "{}", worker.stderr());
}

/// Enqueues a job that keeps a worker busy for some seconds.
fn submit_long(stage: &Stage<'_>, output: &str) -> String {
    let arguments = ["--preset", "h264-720p", "--param", "speed=slow"];
    stage.submit(&format!("{}/long.mp4", stage.input), &stage.target(output), &arguments)
}

/// Waits until ffmpeg is at work on the job.
#[track_caller]
fn wait_for_codec(stage: &Stage<'_>, job: &str, worker: &Process) {
    wait_for("the codec to be at work", COMMAND_TIMEOUT, || {
        let reports = stage.reports(job);
        let is_at_work = |report: &Value| kind(report) == "progress" && report["data"]["phase"] == "codec";
        if reports.iter().any(is_at_work) { Ok(()) } else { Err(format!("{reports:?}\n{}", worker.stderr())) }
    });
}

/// A scratch whose room a test can take and give back.
struct SmallScratch {
    path: PathBuf,
    ballast: PathBuf,
}

impl SmallScratch {
    /// In memory, where nobody else writes much.
    fn new() -> Self {
        let name = |what: &str| Path::new("/dev/shm").join(format!("valet-{what}-{}", uuid::Uuid::now_v7()));
        Self { path: name("scratch"), ballast: name("ballast") }
    }

    fn on(&self, worker: Program) -> Program {
        let free = rustix::fs::statvfs("/dev/shm").expect("memory's file system");
        let keep = (free.f_bavail * free.f_frsize).saturating_sub(ROOM_BYTES);
        let keep = (keep, "VALET_WORKER_SCRATCH_FREE_BYTES_MIN");
        worker.env("VALET_WORKER_SCRATCH", &self.path).env(keep.1, keep.0.to_string())
    }

    fn fill(&self) {
        let file = File::create_new(&self.ballast).expect("a file");
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 2 * ROOM_BYTES).expect("room");
    }

    fn empty(&self) {
        std::fs::remove_file(&self.ballast).expect("the file is there");
    }
}

impl Drop for SmallScratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.ballast);
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

#[test]
fn a_full_disk_lets_jobs_wait_until_there_is_room() {
    let (stage, watched, scratch) = (Stage::new(), Watched::reserve(), SmallScratch::new());
    let worker = stage.start(scratch.on(watched.on(stage.worker_program())));
    scratch.fill();
    watched.wait_for_reason("scratch-full", &worker);
    let input = stage.put("input", "some bytes");
    let job = stage.submit(&input, &stage.target("output"), &["--preset", "copy"]);
    wait_for_depth(&stage, "jobs.r0", 1);
    assert_eq!(watched.document("/readyz").1["reasons"], serde_json::json!(["scratch-full"]));

    scratch.empty();
    let end = stage.wait(0, &job);
    assert_eq!((&end["state"], &end["attempt"]), (&"succeeded".into(), &1.into()), "{end:#}");
    assert_eq!(times(&worker, "scratch has no room"), 1, "{}", worker.stderr());
}

/// A job that finds too little room is tried again later, and its need keeps others away for a moment: a worker with a
/// nearly full disk is not the first to be free for every job.
#[test]
fn a_disk_with_too_little_room_for_one_job_keeps_the_worker_from_the_next() {
    let stage = Stage::declared(Broker::shared(), Storage::shared(), &["--retry-1", "8s"]);
    let (watched, scratch) = (Watched::reserve(), SmallScratch::new());
    let worker = stage.start(scratch.on(watched.on(stage.worker_program())));
    let large = stage.put("large", vec![7; usize::try_from(2 * ROOM_BYTES).expect("it fits")]);
    let job = stage.submit(&large, &stage.target("large"), &["--preset", "copy"]);
    watched.wait_for_reason("scratch-full", &worker);
    let end = stage.submit(&stage.put("small", "some bytes"), &stage.target("small"), &["--preset", "copy"]);
    let end = stage.wait(0, &end);
    assert_eq!((&end["state"], &end["attempt"]), (&"succeeded".into(), &1.into()), "{end:#}");
    let told = stage.reports(&job);
    let retry = told.iter().find(|report| is_retry(report)).expect("it is tried again");
    assert_eq!(retry["data"]["reason"], "scratch-full", "{retry:#}");
}

#[test]
fn an_outage_of_storage_does_not_burn_the_attempts_of_all_jobs() {
    let storage = Storage::shared();
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::declared(Broker::shared(), storage, &["--retry-1", "2s", "--retry-2", "2s"]);
    let stage = stage.through(&proxy.url(&storage.endpoint()));
    let watched = Watched::reserve();
    let worker = stage.start(watched.on(stage.worker_program()).env("VALET_WORKER_SLOTS", "4"));
    let input = stage.put("input", "some bytes");
    proxy.always(Fault::Refuse);
    let jobs: Vec<String> = (0..8)
        .map(|number| stage.submit(&input, &stage.target(&format!("{number}")), &["--preset", "copy"]))
        .collect();
    watched.wait_for_reason("storage-dead", &worker);

    proxy.heal();
    for job in &jobs {
        let end = stage.wait(0, job);
        assert_eq!(end["state"], "succeeded", "{end:#}");
        assert!(end["attempt"].as_u64() <= Some(2), "an attempt was burnt: {end:#}");
    }
    let retries = jobs.iter().flat_map(|job| stage.reports(job)).filter(is_retry).count();
    assert!(retries <= 4, "{retries} attempts were burnt with four slots");
    assert_eq!(times(&worker, "storage does not work"), 1, "{}", worker.stderr());
    assert!(stage.dead().is_empty(), "{:?}", stage.dead());
}

fn is_retry(report: &Value) -> bool {
    kind(report) == "retrying"
}
