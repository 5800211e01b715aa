//! A partner's sample programs do what they say, as they stand in `examples`: with a login that can do nothing but
//! publish to its lane and read its reports, with the partner's own storage key, and with none of our code.
//!
//! The lane is made by hand, and who takes a message from it is this test, as far as a sample can see.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use valet_protocol::{Binding, JobMessage};
use valet_seal::{FleetPrivateKey, FleetPrivateKeys, FleetPublicKeys};
use valet_testkit::process::Finished;
use valet_testkit::{Folder, Program, media, wait_for, workspace};

use crate::stage::Stage;

/// Longest that a sample may take, its job included.
const TIMEOUT: Duration = Duration::from_secs(120);
const LANE: &str = "acme";

/// A sample: its language and how it is started.
type Sample = (&'static str, fn() -> Program);

const PYTHON: Sample = ("python", python);
const JAVASCRIPT: Sample = ("javascript", javascript);
const SHELL: Sample = ("shell", shell);

fn example(name: &str) -> PathBuf {
    workspace::root().join("examples").join(name)
}

fn python() -> Program {
    Program::new("python3")
        .env("PYTHONPATH", example("partner-python/packages"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(example("partner-python/partner.py"))
}

fn javascript() -> Program {
    Program::new("node").arg(example("partner-javascript/partner.mjs"))
}

fn shell() -> Program {
    Program::new("bash").arg(example("partner-shell/partner.sh"))
}

/// A partner: its lane, its login, and the folder of its settings.
struct Partner<'a> {
    stage: &'a Stage<'a>,
    folder: Folder,
    login: String,
}

impl<'a> Partner<'a> {
    /// A lane as `valet partner add` makes it, and its login with these tags.
    fn new(stage: &'a Stage<'a>, tags: &str) -> Self {
        let vhost = stage.vhost.name();
        let put = |path: String, body| drop(stage.broker.api("PUT", &path, Some(body)));
        let quorum = json!({ "durable": true, "arguments": { "x-queue-type": "quorum" } });
        for queue in ["in.acme", "events.acme"] {
            put(format!("/api/queues/{vhost}/{queue}"), quorum.clone());
        }
        put(format!("/api/exchanges/{vhost}/in.acme"), json!({ "type": "fanout", "durable": true }));
        for (exchange, queue, key) in [("in.acme", "in.acme", ""), ("events", "events.acme", "acme.#")] {
            let path = format!("/api/bindings/{vhost}/e/{exchange}/q/{queue}");
            stage.broker.api("POST", &path, Some(json!({ "routing_key": key })));
        }
        let login = format!("{vhost}-{LANE}");
        let rights = ["^$", r"^in\.acme(\.(high|low))?$", r"^events\.acme$"];
        stage.broker.add_login(&login, "its password", tags, vhost, rights);
        let folder = Folder::new("partner");
        folder.write("password", "its password");
        folder.write("account.key", stage.storage.key());
        Self { stage, folder, login }
    }

    /// Settings for one job, and what a test changes of them.
    fn settings(&self, changes: &Value) -> PathBuf {
        let stage = self.stage;
        let mut settings = json!({
            "broker_url": stage.vhost.amqp_url(),
            "management_url": stage.broker.management_url(),
            "vhost": stage.vhost.name(),
            "lane": LANE,
            "username": self.login,
            "password_file": "password",
            "account": stage.storage.account(),
            "account_key_file": "account.key",
            "blob_endpoint": stage.storage.endpoint(),
            "input_container": stage.input,
            "input_blob": "holiday/sea & sand.mp4",
            "output_container": stage.output,
            "output_blob": "done/{job}.mp4",
            "preset": { "name": "copy", "version": 1 },
        });
        for (name, value) in changes.as_object().expect("changes by name") {
            settings[name] = value.clone();
        }
        self.folder.write("partner.json", settings.to_string())
    }

    /// Runs a sample to its end.
    fn run(&self, sample: Sample, changes: &Value) -> Finished {
        (sample.1)().arg(self.settings(changes)).run(TIMEOUT)
    }

    /// Takes the next message from the lane, once it is there: its `properties` and `payload`.
    #[track_caller]
    fn take(&self) -> Value {
        let path = format!("/api/queues/{}/in.acme/get", self.stage.vhost.name());
        let order = json!({ "count": 1, "ackmode": "ack_requeue_false", "encoding": "auto" });
        wait_for("a message in the lane", TIMEOUT, || {
            let taken = self.stage.broker.api("POST", &path, Some(order.clone()));
            taken.get(0).cloned().ok_or_else(|| self.stage.vhost.queue_depths())
        })
    }

    /// Takes the next message from the lane, and gives it to the workers as it is.
    #[track_caller]
    fn pass_on(&self) -> Value {
        let message = self.take();
        let vhost = self.stage.vhost.name();
        let job = json!({
            "properties": {
                "type": message["properties"]["type"],
                "content_type": message["properties"]["content_type"],
                "message_id": message["properties"]["message_id"],
                "delivery_mode": 2,
                "user_id": self.stage.broker.username(),
            },
            "routing_key": "r0",
            "payload": message["payload"],
            "payload_encoding": "string",
        });
        let path = format!("/api/exchanges/{vhost}/jobs/publish");
        assert_eq!(self.stage.broker.api("POST", &path, Some(job))["routed"], true);
        message
    }
}

/// What the broker and its reader see of a message is what `docs/wire-format.md` asks for.
#[track_caller]
fn expect_complete(partner: &Partner<'_>, message: &Value) -> JobMessage {
    let properties = &message["properties"];
    assert_eq!(properties["user_id"], partner.login.as_str(), "{properties:#}");
    assert_eq!(properties["type"], "valet.job.v1", "{properties:#}");
    assert_eq!(properties["content_type"], "application/json", "{properties:#}");
    assert_eq!(properties["delivery_mode"], 2, "{properties:#}");
    assert!(properties["timestamp"].is_u64(), "{properties:#}");
    let expiration: u64 = properties["expiration"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
    assert!((21_000_000..=21_600_000).contains(&expiration), "six hours in milliseconds: {properties:#}");
    let body = message["payload"].as_str().expect("a text");
    let job = JobMessage::decode(body.as_bytes()).expect("a sample's message is a job");
    assert_eq!(properties["message_id"], job.id.to_string());
    assert!(job.input.etag.is_some(), "the input is pinned");
    job
}

/// The whole way: the sample mints and publishes, a worker does the job, and the sample sees its end.
#[track_caller]
fn expect_a_job_is_done(sample: Sample, tags: &str) {
    let stage = Stage::new();
    let _worker = stage.worker();
    let partner = Partner::new(&stage, tags);
    let clip = media::bytes("clip.mp4");
    stage.put("holiday/sea & sand.mp4", clip.clone());
    let running = (sample.1)().arg(partner.settings(&json!({}))).start();
    let job = expect_complete(&partner, &partner.pass_on());
    let told = running.finish(TIMEOUT).expect_code(0);
    let lines: Vec<&str> = told.stdout.lines().collect();
    assert_eq!(lines.first(), Some(&format!("submitted {}", job.id).as_str()), "{}", told.stdout);
    assert!(lines.iter().any(|line| line.starts_with("valet.job.accepted ")), "{}", told.stdout);
    assert!(lines.last().is_some_and(|line| line.starts_with("valet.job.succeeded ")), "{}", told.stdout);
    assert_eq!(stage.storage.get(&stage.output, &format!("done/{}.mp4", job.id)), clip);
    for text in [&told.stdout, &told.stderr] {
        assert!(!text.contains("sig=") && !text.contains("its password"), "{text}");
    }
}

#[test]
fn the_python_sample_gets_its_job_done() {
    expect_a_job_is_done(PYTHON, "");
}

#[test]
fn the_javascript_sample_gets_its_job_done() {
    expect_a_job_is_done(JAVASCRIPT, "");
}

/// It has no AMQP, so its login may also ask the management API.
#[test]
fn the_shell_sample_gets_its_job_done() {
    expect_a_job_is_done(SHELL, "management");
}

#[test]
fn a_sample_whose_job_fails_says_so_and_why() {
    let stage = Stage::new();
    let _worker = stage.worker();
    let partner = Partner::new(&stage, "management");
    stage.put("holiday/sea & sand.mp4", "no film at all");
    for sample in [PYTHON, JAVASCRIPT, SHELL] {
        let preset = json!({ "preset": { "name": "h264-720p", "version": 1 } });
        let running = (sample.1)().arg(partner.settings(&preset)).start();
        partner.pass_on();
        let told = running.finish(TIMEOUT).expect_code(1);
        let last = told.stdout.lines().last().unwrap_or_default();
        assert!(last.starts_with("valet.job.failed ") && last.contains("not-media"), "{}", told.stdout);
    }
}

#[test]
fn the_python_sample_seals_what_the_fleet_can_open() {
    let stage = Stage::new();
    let partner = Partner::new(&stage, "");
    stage.put("holiday/sea & sand.mp4", "a film");
    let key = FleetPrivateKey::generate(Some("fleet-1")).expect("a key");
    let mut public = FleetPublicKeys::default();
    public.add(key.public()).expect("one key");
    partner.folder.write("fleet.json", public.to_json());
    let _running = python().arg(partner.settings(&json!({ "fleet_keys_file": "fleet.json" }))).start();
    let message = partner.take();
    let job = expect_complete(&partner, &message);
    assert!(!message["payload"].as_str().unwrap_or_default().contains("sig="), "no grant in the clear");
    let sealed = job.grants.sealed().expect("its grants are sealed");
    let mut fleet = FleetPrivateKeys::default();
    fleet.add(key).expect("one key");
    let (input, output) = fleet.open(sealed, &Binding::of(&job)).expect("it opens in its own message");
    assert!(input.expose_url().contains("sp=r&") && output.expose_url().contains("sp=c&"));
}

#[test]
fn samples_tell_a_partner_what_is_wrong() {
    let stage = Stage::new();
    let partner = Partner::new(&stage, "");
    stage.put("holiday/sea & sand.mp4", "a film");
    partner.folder.write("wrong-password", "not its password");
    for (changes, words) in [
        (json!({ "password_file": "wrong-password" }), "refuses the login"),
        (json!({ "lane": "another" }), "may not use in.another"),
        (json!({ "priority": "high" }), "there is no in.acme.high"),
        (json!({ "input_blob": "never uploaded" }), "the input cannot be read"),
        (json!({ "password_file": "absent" }), "absent"),
    ] {
        for sample in [PYTHON, JAVASCRIPT] {
            let told = partner.run(sample, &changes).expect_code(2);
            let said = &told.stderr;
            assert!(said.starts_with("partner: ") && said.contains(words), "{} {changes}: {said}", sample.0);
            assert_eq!(said.lines().count(), 1, "{} {changes}: {said}", sample.0);
        }
    }
}

/// A bounded queue of no length takes nothing, as a full one.
#[test]
fn samples_tell_that_a_lane_is_full() {
    let stage = Stage::new();
    let partner = Partner::new(&stage, "");
    stage.put("holiday/sea & sand.mp4", "a film");
    let policy = json!({
        "pattern": r"^in\.acme$", "apply-to": "queues",
        "definition": { "max-length": 0, "overflow": "reject-publish" },
    });
    stage.broker.api("PUT", &format!("/api/policies/{}/full", stage.vhost.name()), Some(policy));
    for sample in [PYTHON, JAVASCRIPT] {
        // The bound is soft: the policy is in force some moments after it was set.
        wait_for("a message to be refused", TIMEOUT, || {
            let running = (sample.1)().arg(partner.settings(&json!({}))).start();
            wait_for("the sample to say what became of its message", TIMEOUT, || {
                let is_told = !running.is_running() || running.stdout().contains("submitted");
                if is_told { Ok(()) } else { Err(running.stderr()) }
            });
            let said = running.stderr();
            running.kill();
            if said.contains("the lane acme is full") { Ok(()) } else { Err(said) }
        });
    }
}
