//! A job that the broker would take away from its worker is refused before it is enqueued, a worker that would let
//! jobs run so long does not start, and both name the setting to change.

use serde_json::{Value, json};
use valet_testkit::{Broker, Storage};

use crate::backstage::{look_for, urls};
use crate::stage::{COMMAND_TIMEOUT, START_TIMEOUT, Stage};

/// A stage whose broker lets a worker hold a job for ten minutes, whichever way its version sets that.
fn stage() -> Stage<'static> {
    let options = ["--consumer-timeout", "10m", "--node-consumer-timeout", "10m"];
    Stage::declared(Broker::shared(), Storage::shared(), &options)
}

/// The setting that a person has to change, on any version.
const SETTING: &str = "consumer-timeout";

#[test]
fn jobs_that_may_run_too_long_are_refused_all_at_once_with_the_setting_to_change() {
    let stage = stage();
    let input = stage.put("input", "bytes");
    let line = |output: &str, wall: &str| {
        json!({ "input": input, "output": stage.target(output), "preset": "copy", "wall": wall }).to_string()
    };
    let manifest = [line("a", "4m"), line("b", "20m"), line("c", "20m"), line("d", "2h")].join("\n");
    let submit = stage.valet().args(["submit", "--manifest", "-"]).stdin(manifest);
    let refused = submit.run(COMMAND_TIMEOUT).expect_code(65);
    for part in ["3 of 4 jobs", "600 s", "1200 s", "7200 s", SETTING, "7500s", "nothing was enqueued"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    assert!(refused.stdout.is_empty(), "{}", refused.stdout);
    // Five minutes of work, and five for all around it.
    stage.submit(&input, &stage.target("after"), &["--preset", "copy", "--wall", "5m"]);
    assert!(urls(&look_for(&stage, "jobs.r0", 1)[0])[1].contains("/after?"), "nothing else was enqueued");
}

#[test]
fn a_worker_that_would_let_jobs_run_too_long_does_not_start() {
    let stage = stage();
    let worker = stage.worker_program().env("VALET_WORKER_WALL_SECONDS_MAX", "3600").run(START_TIMEOUT);
    let worker = worker.expect_code(64);
    assert!(
        worker.stderr.contains("wall_seconds_max") && worker.stderr.contains(SETTING),
        "{}",
        worker.stderr
    );
    // What fits is fine.
    drop(stage.start(stage.worker_program().env("VALET_WORKER_WALL_SECONDS_MAX", "300")));
}

#[test]
fn doctor_shows_which_presets_do_not_fit() {
    let stage = stage();
    let findings = stage.json(0, &["doctor"]);
    let finding = |check: &str| -> Value {
        let found = findings.iter().find(|finding| finding["check"] == check).cloned();
        found.unwrap_or_else(|| panic!("no {check} in {findings:?}"))
    };
    let long = finding("long jobs");
    assert_eq!(long["level"], "warn", "{long:#}");
    let (message, next) =
        (long["message"].as_str().unwrap_or_default(), long["next"].as_str().unwrap_or_default());
    assert!(message.contains("h264-720p@1 3600 s") && !message.contains("thumbnail"), "{message}");
    assert!(next.contains(SETTING), "{next}");
    assert_eq!(finding("broker version")["level"], "ok");
    for check in ["orders", "expired jobs", "dead letters"] {
        assert_eq!(finding(check)["level"], "ok", "{findings:?}");
    }
}
