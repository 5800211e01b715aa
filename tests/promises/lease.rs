//! A job that is held for longer than the broker allows goes to another worker: whichever copy stores first wins, the
//! other ends quietly, and one success is told. Everybody was told that 5 hours are allowed, so that it is the
//! broker that takes the job back and not our own clock that gives it up.

use std::time::{Duration, Instant};

use serde_json::Value;
use valet_testkit::{Broker, BrokerOptions, Fault, FaultProxy, Gate, Process, Storage, wait_for};

use crate::backstage::{kind, wait_for_depth};
use crate::stage::{COMMAND_TIMEOUT, Stage};

/// What the broker really allows, in milliseconds.
const TIMEOUT_MS: u64 = 5_000;
/// How often the broker looks at the age of deliveries, in milliseconds; a minute as a rule.
const TICK_MS: u64 = 1_000;
/// The timeout, a look of the broker, and as much again for two busy cores.
const NOTICED: Duration = Duration::from_millis(2 * (TIMEOUT_MS + TICK_MS));
/// What a worker says when the broker has taken its job back.
const GAVE_UP: &str = "gave the job up";
/// What a worker may have said of a job before it lost it.
const BEFORE_THE_END: [&str; 3] = ["accepted", "started", "progress"];
/// What it says when it was its own clock that ran out.
const BY_OWN_CLOCK: &str = "held for longer";
const CONTENT: &[u8] = b"some bytes";

fn impatient_broker() -> Broker {
    Broker::start_with(&BrokerOptions {
        consumer_timeout_ms: TIMEOUT_MS,
        channel_tick_ms: TICK_MS,
        ..BrokerOptions::default()
    })
}

/// Where the queues' policies replace the node's timeout, they get the short one, and nobody is told.
fn shorten_policies(stage: &Stage<'_>) {
    let all = format!("/api/policies/{}", stage.vhost.name());
    let policies = stage.broker.api("GET", &all, None);
    for mut policy in policies.as_array().cloned().unwrap_or_default() {
        if policy["definition"]["consumer-timeout"].is_u64() {
            policy["definition"]["consumer-timeout"] = TIMEOUT_MS.into();
            let name = policy["name"].as_str().expect("policies have names");
            stage.broker.api("PUT", &format!("{all}/{name}"), Some(policy.clone()));
        }
    }
}

/// A job in the hands of one of two workers, whose first request with `method` stands still.
struct Scene<'a> {
    stage: Stage<'a>,
    proxy: FaultProxy,
    workers: Vec<Process>,
    job: String,
    /// Where the first copy stands.
    gate: Gate,
    /// The index of the worker that has it.
    first: usize,
    /// When its request was seen.
    held: Instant,
}

impl<'a> Scene<'a> {
    fn new(broker: &'a Broker, method: &str) -> Self {
        let storage = Storage::shared();
        let proxy = FaultProxy::start(storage.address());
        let stage = Stage::on(broker, storage).through(&proxy.url(&storage.endpoint()));
        shorten_policies(&stage);
        let workers = vec![stage.worker(), stage.worker()];
        let gate = Gate::default();
        proxy.next_method(method, Fault::Hold(gate.clone()));
        let input = stage.put("input", CONTENT);
        let job = stage.submit(&input, &stage.target("output"), &["--preset", "copy"]);
        gate.wait_for_request();
        let held = Instant::now();
        let accepted = wait_for("word of who has the job", COMMAND_TIMEOUT, || {
            let reports = stage.reports(&job);
            let accepted = reports.iter().find(|report| kind(report) == "accepted");
            accepted.cloned().ok_or_else(|| format!("{reports:#?}"))
        });
        let first = (0..workers.len()).find(|number| accepted["worker"] == name(*number).as_str());
        let first = first.unwrap_or_else(|| panic!("one of two has it: {accepted:#}"));
        Self { stage, proxy, workers, job, gate, first, held }
    }

    /// The index of the worker that had no part in it at first.
    fn second(&self) -> usize {
        1 - self.first
    }

    /// The first worker notices that the job is no longer its own.
    #[track_caller]
    fn wait_for_loss(&self) {
        wait_for("the loss of the lease to show", NOTICED, || {
            let said = self.workers[self.first].stderr();
            if said.contains(GAVE_UP) { Ok(()) } else { Err(said) }
        });
        let said = self.workers[self.first].stderr();
        assert!(!said.contains(BY_OWN_CLOCK), "the broker must have said so: {said}");
        println!("lost, and noticed after {:.1} s of {TIMEOUT_MS} ms", self.held.elapsed().as_secs_f64());
    }

    /// Everything ends well: one success by the second worker, one output, and no word more of the first.
    #[track_caller]
    fn expect_one_success(mut self) -> Value {
        let end = self.stage.wait(0, &self.job);
        assert_eq!(end["state"], "succeeded", "{end:#}");
        for queue in ["jobs.r0", "jobs.r1", "jobs.r2", "retry.1", "retry.2", "jobs.ended", "dead", "expired"]
        {
            wait_for_depth(&self.stage, queue, 0);
        }
        // What a worker still had to say, it has said when it has ended.
        let said: Vec<String> = self.workers.drain(..).map(ended).collect();
        assert_eq!(said[self.first].matches(GAVE_UP).count(), 1, "{}", said[self.first]);
        assert!(!said[self.second()].contains(GAVE_UP), "{}", said[self.second()]);
        let reports = self.stage.reports(&self.job);
        let successes: Vec<_> = reports.iter().filter(|report| kind(report) == "succeeded").collect();
        assert_eq!(successes.len(), 1, "{reports:#?}");
        assert_eq!(successes[0]["worker"], name(self.second()).as_str(), "{reports:#?}");
        let loser = reports.iter().filter(|report| report["worker"] == name(self.first).as_str());
        for report in loser {
            let is_early = BEFORE_THE_END.contains(&kind(report)) && report["redelivery"].is_null();
            assert!(is_early, "the loser says nothing more: {report:#}");
        }
        assert_eq!(self.stage.storage.list(&self.stage.output), ["output"]);
        assert_eq!(self.stage.storage.get(&self.stage.output, "output"), CONTENT);
        successes[0].clone()
    }
}

/// The name of the worker that was started after `number` others.
fn name(number: usize) -> String {
    format!("worker-{number}")
}

/// Ends a worker in good order; all that it has said.
#[track_caller]
fn ended(worker: Process) -> String {
    let status = worker.terminate(COMMAND_TIMEOUT);
    assert!(status.success(), "{status}: {}", worker.stderr());
    worker.stderr()
}

#[test]
fn heavy_a_job_that_is_held_too_long_is_done_by_another_worker_and_told_once() {
    let broker = impatient_broker();
    let scene = Scene::new(&broker, "GET");
    scene.wait_for_loss();
    // Only when the other copy has ended, what the first worker waited for comes.
    assert_eq!(scene.stage.wait(0, &scene.job)["state"], "succeeded");
    scene.gate.open();
    let success = scene.expect_one_success();
    assert_eq!((&success["data"]["stored"], &success["redelivery"]), (&"created".into(), &1.into()));
}

#[test]
fn heavy_a_job_that_was_lost_while_it_was_stored_is_stored_once_and_told_by_the_next() {
    let broker = impatient_broker();
    let scene = Scene::new(&broker, "PUT");
    // The next copy first asks with a PUT of no effect whether the output is there, which it is not yet.
    scene.proxy.next_method("PUT", Fault::Latency(Duration::ZERO));
    let gate = Gate::default();
    scene.proxy.next_method("PUT", Fault::Hold(gate.clone()));
    scene.wait_for_loss();
    // Both copies have their bytes under way; the older ones come first, from a worker that gave the job up.
    gate.wait_for_request();
    scene.gate.open();
    let etag = wait_for("the first copy to be stored", COMMAND_TIMEOUT, || {
        scene.stage.storage.head(&scene.stage.output, "output").map(|head| head.etag).ok_or("nothing there")
    });
    gate.open();
    let (storage, output) = (scene.stage.storage, scene.stage.output.clone());
    let success = scene.expect_one_success();
    assert_eq!(storage.head(&output, "output").expect("stored").etag, etag, "written once");
    assert_eq!(success["data"]["stored"], "exists-after-own-attempt", "the next copy met it: {success:#}");
}
