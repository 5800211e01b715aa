//! What became of a job is known after the fact: whoever was away meanwhile, and whatever the log still holds.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;
use serde_json::Value;
use valet_status::{Store, StoreUrl};
use valet_testkit::{Broker, Fault, FaultProxy, Gate, Postgres, Process, Storage, wait_for};

use crate::stage::{COMMAND_TIMEOUT, START_TIMEOUT, Stage};

/// Made-up jobs, as the status store's own tests fill it.
#[path = "../../crates/status/tests/common/seed.rs"]
mod seed;

/// Workers report every 10 s, so 30 s of silence show within 40 s; the rest is room for a busy machine.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(80);

/// One job that succeeds and one whose input is not there, both ended.
fn good_and_bad(stage: &Stage<'_>) -> [String; 2] {
    let good = stage.put("input", "some bytes");
    let tag = ["--preset", "copy", "--tag", "title=42"];
    let good = stage.submit(&good, &stage.target("Good Output"), &tag);
    let bad = stage.submit(&format!("{}/absent", stage.input), &stage.target("bad"), &["--preset", "copy"]);
    let worker = stage.worker();
    stage.wait(0, &good);
    stage.wait(1, &bad);
    worker.terminate(COMMAND_TIMEOUT);
    [good, bad]
}

/// Ids that `valet list` with these options prints.
#[track_caller]
fn listed(stage: &Stage<'_>, options: &[&str]) -> Vec<String> {
    let jobs = stage.json(0, &[&["list"], options].concat());
    jobs.iter().map(|job| job["id"].as_str().expect("an id").to_owned()).collect()
}

/// A `valet collect` whose store is up to date.
fn collector(stage: &Stage<'_>) -> Process {
    let collector = stage.valet().args(["-v", "collect"]).start();
    wait_for("the store to be up to date", START_TIMEOUT, || {
        let said = collector.stderr();
        assert!(collector.is_running(), "{said}");
        if said.contains("up to date") { Ok(()) } else { Err(said) }
    });
    collector
}

#[test]
fn jobs_are_told_and_found_after_everything_has_ended() {
    let stage = Stage::new();
    let [good, bad] = good_and_bad(&stage);
    let status = stage.json(0, &["status", &good, &bad]);
    assert_eq!(
        (&status[0]["state"], &status[1]["state"]),
        (&"succeeded".into(), &"failed".into()),
        "{status:?}"
    );
    assert_eq!(status[1]["reason"], "input-missing", "{status:?}");
    let attempt = &status[0]["attempts"][0];
    assert_eq!(
        (&attempt["outcome"], &attempt["worker"]),
        (&"succeeded".into(), &"worker-0".into()),
        "{status:?}"
    );
    for time in ["accepted_at", "started_at", "ended_at"] {
        assert!(attempt[time].is_string(), "{time}: {attempt:#}");
    }

    assert_eq!(listed(&stage, &[]), [bad.clone(), good.clone()], "newest first");
    let (first, second) = ([good.clone()], [bad.clone()]);
    assert_eq!(listed(&stage, &["--state", "succeeded"]), first);
    assert_eq!(listed(&stage, &["--tag", "title=42"]), first);
    assert_eq!(listed(&stage, &["--name", "good out"]), first);
    assert_eq!(listed(&stage, &["--reason", "input-missing"]), second);
    assert_eq!(listed(&stage, &["--limit", "1", "--after", &bad]), first);
    assert_eq!(listed(&stage, &["--preset", "copy@1", "--lane", "default", "--since", "1h"]).len(), 2);
    assert_eq!(listed(&stage, &["--silent"]).len(), 0);
    assert_eq!(listed(&stage, &["--until", "1h"]).len(), 0);
    let counts = stage.json(0, &["list", "--count"]);
    assert_eq!((&counts[0]["jobs"], &counts[0]["states"]["failed"]), (&2.into(), &1.into()), "{counts:?}");

    // For people, with what happened to each attempt.
    let table = stage.valet().arg("list").run(COMMAND_TIMEOUT).expect_code(0).stdout;
    assert!(table.starts_with("ID ") && table.lines().count() == 3, "{table}");
    let story = stage.valet().args(["status", &bad]).run(COMMAND_TIMEOUT).expect_code(0).stdout;
    assert!(story.contains("#1") && story.contains("on worker-0: failed after"), "{story}");
}

#[test]
fn exit_codes_are_as_documented_for_jobs_of_the_past_and_of_the_future() {
    let stage = Stage::new();
    let [good, bad] = good_and_bad(&stage);
    assert_eq!(stage.wait(0, &good)["state"], "succeeded");
    assert_eq!(stage.wait(1, &bad)["state"], "failed");
    assert_eq!(stage.json(1, &["wait", &good, &bad]).len(), 2);
    let input = stage.put("later", "bytes");
    let waiting = stage.submit(&input, &stage.target("later"), &["--preset", "copy"]);
    let gave_up = stage.valet().args(["wait", &waiting, &good, "--timeout", "2s"]).run(COMMAND_TIMEOUT);
    let gave_up = gave_up.expect_code(75);
    assert!(gave_up.stderr.contains("1 of 2"), "{}", gave_up.stderr);
    assert_eq!(stage.json(0, &["status", &waiting])[0]["state"], "queued");
    let _worker = stage.worker();
    assert_eq!(stage.wait(0, &waiting)["state"], "succeeded");
}

#[test]
fn a_log_that_is_gone_takes_nothing_along_and_a_new_one_is_read_from_its_start() {
    let stage = Stage::new();
    let [good, bad] = good_and_bad(&stage);
    assert_eq!(listed(&stage, &[]).len(), 2);
    stage.broker.api("DELETE", &format!("/api/queues/{}/events.log", stage.vhost.name()), None);
    stage.declare(&[]);
    assert_eq!(listed(&stage, &[]), [bad, good.clone()], "the store knows what the log has lost");

    let input = stage.put("again", "some bytes");
    let new = stage.submit(&input, &stage.target("new"), &["--preset", "copy"]);
    let _worker = stage.worker();
    assert_eq!(stage.wait(0, &new)["state"], "succeeded");
    assert_eq!(listed(&stage, &["--state", "succeeded"]), [new, good]);
}

#[test]
fn a_collector_makes_answers_that_need_no_broker_and_misses_nothing_while_it_is_down() {
    let stage = Stage::new();
    let input = stage.put("input", "some bytes");
    let first = stage.submit(&input, &stage.target("first"), &["--preset", "copy"]);
    let collecting = collector(&stage);
    // A login that the broker would refuse: whoever asked it would fail.
    let blind = || stage.valet().env("VALET_BROKER_PASSWORD", "wrong").args(["--json", "status"]);
    let seen = |id: &str| -> Result<Value, String> {
        let told = blind().arg(id).run(COMMAND_TIMEOUT);
        let value: Value = serde_json::from_str(&told.stdout).map_err(|_| told.stderr)?;
        Ok(value)
    };
    wait_for("the job in the store", COMMAND_TIMEOUT, || {
        let job = seen(&first)?;
        if job["state"] == "queued" { Ok(()) } else { Err(job.to_string()) }
    });
    collecting.kill();
    let worker = stage.worker();
    let second = stage.submit(&input, &stage.target("second"), &["--preset", "copy"]);
    wait_for("both outputs", COMMAND_TIMEOUT, || {
        let stored = stage.storage.list(&stage.output);
        if stored.len() == 2 { Ok(()) } else { Err(format!("{stored:?}")) }
    });
    worker.terminate(COMMAND_TIMEOUT);

    wait_for("the mark of freshness to be too old", COMMAND_TIMEOUT, || {
        let told = blind().arg(&first).run(COMMAND_TIMEOUT);
        if told.success() { Err(told.stdout) } else { Ok(()) }
    });
    let _collecting = collector(&stage);
    for id in [&first, &second] {
        let job = wait_for("the verified job", COMMAND_TIMEOUT, || {
            let job = seen(id)?;
            if job["output"]["verified"] == true { Ok(job) } else { Err(job.to_string()) }
        });
        assert_eq!(job["state"], "succeeded", "{job:#}");
    }
}

#[test]
fn two_collectors_and_many_readers_count_each_report_once() {
    let stage = Stage::new();
    let input = stage.put("input", "some bytes");
    let _collectors = [collector(&stage), collector(&stage)];
    let ids: Vec<String> = (0..20)
        .map(|number| stage.submit(&input, &stage.target(&number.to_string()), &["--preset", "copy"]))
        .collect();
    let _worker = stage.worker();
    let waits: Vec<Process> = ids.chunks(5).map(|ids| stage.valet().arg("wait").args(ids).start()).collect();
    for wait in waits {
        wait.finish(COMMAND_TIMEOUT).expect_code(0);
    }
    let jobs =
        stage.json(0, &[&["status"], ids.iter().map(String::as_str).collect::<Vec<_>>().as_slice()].concat());
    for job in &jobs {
        let attempts = job["attempts"].as_array().expect("a history");
        assert_eq!((&job["state"], attempts.len()), (&"succeeded".into(), 1), "{job:#}");
        assert_eq!(job["output"]["verified"], true, "{job:#}");
    }
    let counts = stage.json(0, &["list", "--count"]);
    assert_eq!(counts[0]["jobs"], ids.len(), "{counts:?}");
}

#[test]
fn a_worker_that_stands_still_shows_as_silent() {
    let storage = Storage::shared();
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::on(Broker::shared(), storage).through(&proxy.url(&storage.endpoint()));
    let worker = stage.worker();
    let input = stage.put("input", "some bytes");
    let gate = Gate::default();
    proxy.next_method("GET", Fault::Hold(gate.clone()));
    let id = stage.submit(&input, &stage.target("output"), &["--preset", "copy"]);
    gate.wait_for_request();
    wait_for("the running job", COMMAND_TIMEOUT, || {
        let job = stage.json(0, &["status", &id]).remove(0);
        if job["state"] == "running" { Ok(()) } else { Err(job.to_string()) }
    });
    worker.signal(Signal::STOP);
    let silent = wait_for("the silence to show", SILENCE_TIMEOUT, || {
        let silent = stage.json(0, &["list", "--silent"]);
        silent.first().cloned().ok_or_else(|| stage.json(0, &["status", &id])[0].to_string())
    });
    assert_eq!((&silent["id"], &silent["worker"]), (&id.as_str().into(), &"worker-0".into()), "{silent:#}");
    assert!(silent["silent_seconds"].as_i64().is_some_and(|seconds| seconds >= 30), "{silent:#}");
    let story = stage.valet().args(["status", &id]).run(COMMAND_TIMEOUT).expect_code(0).stdout;
    assert!(story.contains("SILENT for"), "{story}");
    gate.open();
    worker.signal(Signal::CONT);
    assert_eq!(stage.wait(0, &id)["state"], "succeeded");
    assert_eq!(listed(&stage, &["--silent"]).len(), 0);
}

#[test]
fn old_jobs_leave_the_store_and_young_ones_stay() {
    let stage = Stage::new();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let url = StoreUrl::parse(&stage.status_url(), None).expect("a URL");
        let store = Store::open(&url).await.expect("the store opens");
        for days in [91, 89] {
            let end = Timestamp::now() - SignedDuration::from_hours(24 * days);
            seed::fill(&store, 700, end).await.expect("filled");
        }
        store.close().await;
    });
    let count = || stage.json(0, &["list", "--count"])[0]["jobs"].clone();
    let collect = || stage.valet().args(["collect", "--once"]).run(COMMAND_TIMEOUT).expect_code(0);
    collect();
    assert_eq!(count(), 700);
    let collect_sooner = stage.valet().args(["--set", "status.retention_days=30", "collect", "--once"]);
    collect_sooner.run(COMMAND_TIMEOUT).expect_code(0);
    assert_eq!(count(), 0);
}

#[test]
fn postgres_serves_as_well_and_its_password_is_not_told() {
    let stage = Stage::new();
    let database = Postgres::shared().database();
    let valet = || stage.valet().env("VALET_STATUS_URL", database.url());
    let input = stage.put("input", "some bytes");
    let id = stage.submit(&input, &stage.target("output"), &["--preset", "copy"]);
    let _worker = stage.worker();
    let told = valet().args(["--json", "-vv", "wait", &id]).run(COMMAND_TIMEOUT).expect_code(0);
    assert!(told.stdout.contains(r#""verified":true"#), "{}", told.stdout);
    let listed =
        valet().args(["--json", "-vv", "list", "--state", "succeeded"]).run(COMMAND_TIMEOUT).expect_code(0);
    assert_eq!(listed.stdout.lines().count(), 1, "{}", listed.stdout);
    for said in [told.stderr, listed.stderr] {
        assert!(!said.contains(Postgres::shared().password()), "{said}");
    }
}
