//! A machine that is about to go is left in time: its jobs end or go to others, and Azure is told that it may.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use valet_testkit::{Process, Program, ScheduledEvents, media, wait_for};

use crate::backstage::{kind, wait_for_depth};
use crate::stage::{COMMAND_TIMEOUT, Stage};

/// This machine, as the metadata service calls it.
const MACHINE: &str = "workers_3";

/// Azure gives a spot machine as many seconds.
const NOTICE: Duration = Duration::from_secs(30);

fn watching(worker: Program, service: &ScheduledEvents) -> Program {
    worker.env("VALET_WORKER_SCHEDULED_EVENTS", "on").env("VALET_WORKER_SCHEDULED_EVENTS_URL", service.url())
}

fn after(time: Duration) -> Timestamp {
    Timestamp::now() + SignedDuration::try_from(time).expect("some seconds")
}

/// Enqueues a job that takes longer than the notice, and waits until ffmpeg is at work on it.
fn submit_long(stage: &Stage<'_>, worker: &Process) -> String {
    stage.storage.put_file(&stage.input, "long.mp4", &media::long_clip(60));
    let input = format!("{}/long.mp4", stage.input);
    let arguments = ["--preset", "h264-720p", "--param", "speed=slow"];
    let job = stage.submit(&input, &stage.target("film.mp4"), &arguments);
    wait_for("the codec to be at work", COMMAND_TIMEOUT, || {
        let reports = stage.reports(&job);
        let is_at_work = |report: &Value| kind(report) == "progress" && report["data"]["phase"] == "codec";
        if reports.iter().any(is_at_work) { Ok(()) } else { Err(format!("{reports:?}\n{}", worker.stderr())) }
    });
    job
}

#[test]
fn a_machine_without_work_may_go_at_once() {
    let (stage, service) = (Stage::new(), ScheduledEvents::start(MACHINE));
    let worker = stage.start(watching(stage.worker_program(), &service));
    let event = service.announce("Preempt", MACHINE, after(NOTICE));
    assert_eq!(worker.wait(NOTICE).code(), Some(0), "{}", worker.stderr());
    assert_eq!(service.acknowledged(), [event], "{}", worker.stderr());
    let input = stage.put("input", "some bytes");
    stage.submit(&input, &stage.target("output"), &["--preset", "copy"]);
    wait_for_depth(&stage, "jobs.r0", 1);
}

#[test]
fn a_job_that_cannot_end_in_time_goes_to_another_worker_before_its_machine_does() {
    let (stage, service) = (Stage::new(), ScheduledEvents::start(MACHINE));
    let program = watching(stage.worker_program(), &service).env("VALET_WORKER_GRACE_SECONDS", "600");
    let worker = stage.start(program);
    let job = submit_long(&stage, &worker);
    // A margin of eight seconds, and next to nothing for the job.
    let event = service.announce("Terminate", MACHINE, after(Duration::from_secs(10)));
    assert_eq!(worker.wait(NOTICE).code(), Some(0), "{}", worker.stderr());
    assert_eq!(service.acknowledged(), [event], "{}", worker.stderr());
    assert!(worker.stderr().contains("handed the job back"), "{}", worker.stderr());
    assert!(!stage.storage.exists(&stage.output, "film.mp4"), "nothing half done is stored");
    let _other = stage.worker();
    let end = stage.wait(0, &job);
    assert_eq!((&end["state"], &end["worker"]), (&"succeeded".into(), &"worker-1".into()), "{end:#}");
}

#[test]
fn the_end_of_another_machine_and_a_freeze_of_this_one_stop_nothing() {
    let (stage, service) = (Stage::new(), ScheduledEvents::start(MACHINE));
    let worker = stage.start(watching(stage.worker_program(), &service));
    service.announce("Preempt", "workers_33", after(NOTICE));
    service.announce("Freeze", MACHINE, after(NOTICE));
    let before = service.polls();
    wait_for("both to be seen", COMMAND_TIMEOUT, || {
        let polls = service.polls();
        if polls > before + 1 { Ok(()) } else { Err(format!("{polls} polls\n{}", worker.stderr())) }
    });
    let input = stage.put("input", "some bytes");
    let end = stage.run(0, &input, &stage.target("output"), &["--preset", "copy"]);
    assert_eq!(end["state"], "succeeded", "{end:#}");
    assert!(service.acknowledged().is_empty() && worker.is_running(), "{}", worker.stderr());
    assert!(worker.stderr().contains("stand still"), "{}", worker.stderr());
}

/// Azure lets an event happen to all of its machines as soon as one of them agrees.
#[test]
fn an_end_that_others_share_is_left_to_its_time() {
    let (stage, service) = (Stage::new(), ScheduledEvents::start(MACHINE));
    let worker = stage.start(watching(stage.worker_program(), &service));
    service.announce_for("Reboot", &[MACHINE, "workers_4"], after(NOTICE));
    assert_eq!(worker.wait(NOTICE).code(), Some(0), "{}", worker.stderr());
    assert_eq!(service.acknowledged(), Vec::<String>::new(), "workers_4 may have jobs in hand");
    assert!(worker.stderr().contains("other machines go with this one"), "{}", worker.stderr());
}

/// Azure tells an event until it is over, and a machine that is back from it takes jobs.
#[test]
fn a_reboot_that_lies_behind_the_worker_stops_nothing_and_the_next_one_does() {
    let (stage, service) = (Stage::new(), ScheduledEvents::start(MACHINE));
    let behind = service.announce("Reboot", MACHINE, after(NOTICE));
    service.begin(&behind);
    let worker = stage.start(watching(stage.worker_program(), &service));
    let input = stage.put("input", "some bytes");
    let end = stage.run(0, &input, &stage.target("output"), &["--preset", "copy"]);
    assert_eq!(end["state"], "succeeded", "{end:#}");
    let next = service.announce("Redeploy", MACHINE, after(NOTICE));
    assert_eq!(worker.wait(NOTICE).code(), Some(0), "{}", worker.stderr());
    assert_eq!(service.acknowledged(), [next], "{}", worker.stderr());
}

#[test]
fn a_metadata_service_that_is_away_is_told_once_and_asked_again() {
    let (stage, service) = (Stage::new(), ScheduledEvents::start(MACHINE));
    service.set_down(true);
    let worker = stage.start(watching(stage.worker_program(), &service));
    wait_for("the failure to be told", COMMAND_TIMEOUT, || {
        let said = worker.stderr();
        if said.contains("no scheduled events can be had") { Ok(()) } else { Err(said) }
    });
    let input = stage.put("input", "some bytes");
    assert_eq!(stage.run(0, &input, &stage.target("output"), &["--preset", "copy"])["state"], "succeeded");
    service.set_down(false);
    let event = service.announce("Reboot", MACHINE, after(NOTICE));
    assert_eq!(worker.wait(NOTICE).code(), Some(0), "{}", worker.stderr());
    assert_eq!(service.acknowledged(), [event], "{}", worker.stderr());
    assert_eq!(worker.stderr().matches("no scheduled events can be had").count(), 1, "{}", worker.stderr());
}
