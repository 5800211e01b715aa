//! Submit, run, wait, status, events, list.

use jiff::Timestamp;
use valet_grant::{GrantPolicy, ReadGrant, WriteGrant};
use valet_protocol::Stored;
use valet_testkit::wait_for;

use crate::site::{Site, TIMEOUT, runtime};
use crate::stand_in::{Fate, work_once};

#[test]
fn run_waits_for_the_end_and_the_grants_are_as_small_as_promised() {
    let site = Site::new();
    site.storage.put(&site.container, "a.mov", "hello");
    let line = format!("run {0}/a.mov {0}/out/a.mov -p copy --tag title=42 --json", site.container);
    let run = site.valet(&line).start();
    let message = runtime().block_on(work_once(&site, Fate::Succeed(Stored::Created)));
    let finished = run.finish(TIMEOUT).expect_code(0);
    let state: serde_json::Value = serde_json::from_str(&finished.stdout).expect("one JSON object");
    assert_eq!((state["state"].as_str(), state["output"]["bytes"].as_u64()), (Some("succeeded"), Some(5)));
    let (now, policy) = (Timestamp::now(), GrantPolicy::loopback());
    let (input, output) = message.grants.urls().expect("no key to seal to is set");
    let read = ReadGrant::parse(input.clone(), &policy, now).expect("a worker takes it");
    let write = WriteGrant::parse(output.clone(), &policy, now).expect("a worker takes it");
    assert_eq!((read.rights().to_string(), write.rights().to_string()), ("r".to_owned(), "c".to_owned()));
    let wall = i64::from(message.limits.wall_seconds.expect("it is always sent"));
    assert_eq!(read.validity().expiry.as_second() - message.not_after.as_second(), wall);
    assert_eq!(message.tags["title"], "42");
    let id = message.id.to_string();
    let status = site.ok(&format!("status {id}"));
    assert!(status.stdout.contains("succeeded"), "{}", status.stdout);
    let listed = site.ok("list --state succeeded");
    assert!(listed.stdout.contains(&id), "{}", listed.stdout);
    let events = site.ok(&format!("events --since 1h --no-follow --job {id} --json"));
    assert_eq!(events.stdout.lines().count(), 4, "submitted and three of the worker: {}", events.stdout);
    let waited = site.ok(&format!("wait {id}"));
    assert!(waited.stdout.contains("succeeded"), "{}", waited.stdout);
}

#[test]
fn a_failed_job_ends_run_with_1_and_tells_why() {
    let site = Site::new();
    let run = site.valet(&format!("run {0}/a.mov {0}/out/a.mov -p copy", site.container)).start();
    runtime().block_on(work_once(&site, Fate::Fail));
    let finished = run.finish(TIMEOUT).expect_code(1);
    for part in ["failed", "not-media", "the first bytes are text", "next:"] {
        assert!(finished.stdout.contains(part), "{part}: {}", finished.stdout);
    }
}

#[test]
fn an_output_whose_write_was_not_confirmed_is_compared_with_the_report() {
    let site = Site::new();
    let line = format!("run {0}/a.mov {0}/out/a.mov -p copy", site.container);
    // Somebody else's blob has the output's name: the report alone must not make the job a success.
    site.storage.put(&site.container, "out/a.mov", "HELLO");
    let run = site.valet(&line).start();
    runtime().block_on(work_once(&site, Fate::Succeed(Stored::ExistsAfterOwnAttempt)));
    let finished = run.finish(TIMEOUT).expect_code(1);
    assert!(finished.stdout.contains("output-mismatch"), "{}", finished.stdout);
}

#[test]
fn waiting_ends_with_75_when_the_time_is_over() {
    let site = Site::new();
    let submitted = site.ok(&format!("submit {0}/a.mov {0}/out/a.mov -p copy", site.container));
    let waited = site.valet("wait - --timeout 1s").stdin(submitted.stdout).run(TIMEOUT).expect_code(75);
    assert!(waited.stderr.contains("the jobs go on"), "{}", waited.stderr);
}

#[test]
fn a_batch_submitted_twice_under_one_key_carries_the_same_ids() {
    let site = Site::new();
    let lines: String = (0..1_500)
        .map(|n| format!("{{\"input\":\"{0}/{n}.mov\",\"output\":\"{0}/out/{n}.mov\"}}\n", site.container))
        .collect();
    let submit = || {
        let line = "submit -p copy --idempotency-key nightly --manifest -";
        site.valet(line).stdin(lines.clone()).run(TIMEOUT).expect_code(0).stdout
    };
    let (first, second) = (submit(), submit());
    assert_eq!(first.lines().count(), 1_500);
    let ids = |text: &str| text.lines().map(|line| line[..36].to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&first), ids(&second));
    assert_eq!(second.matches("left out: queued").count(), 1_500, "{second}");
    site.wait_for_depth("jobs.r0", 1_500);
}

#[test]
fn events_are_shown_as_they_come() {
    let site = Site::new();
    let events = site.valet("events --kind succeeded --kind progress").start();
    // Events begin at the next report: more jobs are done until the watcher has seen one, each
    // with an output of its own, since a grant cannot write over the one before.
    let runtime = runtime();
    let mut job = 0;
    wait_for("a report of success", TIMEOUT, || {
        if events.stdout().contains("succeeded") {
            return Ok(());
        }
        job += 1;
        site.ok(&format!("submit {0}/a.mov {0}/out/{job}.mov -p copy", site.container));
        runtime.block_on(work_once(&site, Fate::Succeed(Stored::Created)));
        Err(events.stdout())
    });
    assert!(!events.stdout().contains("accepted"), "{}", events.stdout());
}
