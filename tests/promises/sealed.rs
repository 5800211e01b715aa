//! Sealed grants: the broker and whoever reads it hold none that can be used; a copied one opens nothing; keys change
//! without a job lost.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use valet_protocol::{Binding, JobMessage};
use valet_seal::FleetPrivateKeys;
use valet_testkit::{Broker, Folder, Process, Program, Storage, wait_for};

use crate::backstage::{look, look_for, tap_reports};
use crate::canary::Secrets;
use crate::message::Message;
use crate::stage::{COMMAND_TIMEOUT, Stage};

/// A fleet's keys: the public list at the producer, the private file at the workers.
struct Fleet<'a> {
    stage: &'a Stage<'a>,
    /// The workers' alone; after the stage's own folders in nothing.
    folder: Folder,
}

impl<'a> Fleet<'a> {
    /// A fleet with one key, named `first`.
    fn new(stage: &'a Stage<'a>) -> Self {
        let fleet = Self { stage, folder: stage.mode.folder("keys") };
        let made = stage.folder.join("fleet.json");
        fleet.valet(&["keygen", "--kid", "first", "--private", text(&made)]);
        stage.mode.hand_over(&made, &fleet.folder);
        std::fs::remove_file(made).expect("it was just made");
        fleet
    }

    fn public(&self) -> PathBuf {
        self.stage.folder.join("fleet.public.json")
    }

    fn private(&self) -> PathBuf {
        self.folder.join("fleet.json")
    }

    /// Runs `valet fleet`.
    #[track_caller]
    fn valet(&self, words: &[&str]) -> String {
        let program = self.stage.valet().env("VALET_FLEET_PUBLIC_KEYS_FILE", self.public());
        program.arg("fleet").args(words).run(COMMAND_TIMEOUT).expect_code(0).stdout
    }

    /// `valet`, sealing to the first key of this list.
    fn producer(&self, list: &Path) -> Program {
        self.stage.valet().env("VALET_FLEET_PUBLIC_KEYS_FILE", list).arg("--json")
    }

    #[track_caller]
    fn submit(&self, list: &Path, input: &str, output: &str, more: &[&str]) -> String {
        let words = [&["submit", input, output], more].concat();
        let told = self.producer(list).args(words).run(COMMAND_TIMEOUT).expect_code(0).stdout;
        let told: Value = serde_json::from_str(&told).expect("one line of JSON");
        told["id"].as_str().expect("an id").to_owned()
    }

    fn worker(&self) -> Process {
        let files = self.private().display().to_string();
        self.stage.start(self.stage.worker_program().env("VALET_WORKER_FLEET_KEY_FILES", files))
    }

    /// The two grants of a message, as a worker gets them.
    fn open(&self, body: &str) -> [String; 2] {
        let message = JobMessage::decode(body.as_bytes()).expect("a job message");
        let sealed = message.grants.sealed().expect("its grants are sealed");
        let json = std::fs::read(self.private()).expect("we are root, or the workers");
        let keys = FleetPrivateKeys::parse(&json).expect("private keys");
        let (input, output) = keys.open(sealed, &Binding::of(&message)).expect("they open");
        [input, output].map(|url| url.expose_url().to_owned())
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Every queue of the stage that can be looked into; streams are seen on the broker's disk.
fn queues(stage: &Stage<'_>) -> Vec<String> {
    let all = stage.broker.api("GET", &format!("/api/queues/{}", stage.vhost.name()), None);
    // Streams and the lanes' queues (one active consumer) give nobody a look; both are on the broker's disk.
    let shows =
        |queue: &&Value| queue["type"] != "stream" && queue["arguments"]["x-single-active-consumer"] != true;
    let queues = all.as_array().expect("a list").iter().filter(shows);
    queues.map(|queue| queue["name"].as_str().expect("a name").to_owned()).collect()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let below = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files(&entry.path()),
        Ok(kind) if kind.is_file() => vec![entry.path()],
        _ => Vec::new(),
    };
    entries.flat_map(below).collect()
}

/// The first file of the broker that holds one of the secrets.
fn on_disk(stage: &Stage<'_>, secrets: &Secrets) -> Option<PathBuf> {
    // A file may go while the broker tidies up.
    let holds = |file: &PathBuf| std::fs::read(file).is_ok_and(|bytes| secrets.find(&bytes).is_some());
    files(stage.broker.folder()).into_iter().find(holds)
}

#[track_caller]
fn wait_for_letter(stage: &Stage<'_>, id: &str) -> Value {
    wait_for(&format!("the dead letter of {id}"), COMMAND_TIMEOUT, || {
        let letters = stage.dead();
        letters.iter().find(|letter| letter["id"] == id).cloned().ok_or_else(|| format!("{letters:?}"))
    })
}

#[test]
fn a_sealed_run_leaves_no_grant_in_any_queue_letter_or_log_of_the_broker() {
    let broker = Broker::start();
    let stage = Stage::on(&broker, Storage::shared());
    let fleet = Fleet::new(&stage);
    tap_reports(&stage, "tap");
    stage.put("input", "some bytes");
    let public = fleet.public();
    let good =
        fleet.submit(&public, &format!("{}/input", stage.input), &stage.target("good"), &["-p", "copy"]);
    let late =
        fleet.submit(&public, &format!("{}/late", stage.input), &stage.target("late"), &["-p", "copy"]);

    let jobs = look_for(&stage, "jobs.r0", 2);
    let mut secrets = Secrets::default();
    for job in &jobs {
        let body = job["body"].as_str().expect("a body");
        assert!(!body.contains("sig=") && !body.contains("blob.core") && !body.contains("\"url\""), "{body}");
        fleet.open(body).iter().for_each(|url| secrets.add_grant(url));
    }
    let _worker = fleet.worker();
    assert_eq!(stage.wait(0, &good)["state"], "succeeded");
    assert_eq!(stage.storage.get(&stage.output, "good"), b"some bytes");
    assert_eq!(stage.wait(1, &late)["reason"], "input-missing");
    wait_for_letter(&stage, &late);
    let letter = &look_for(&stage, "dead", 1)[0];
    assert!(letter["body"].as_str().expect("a body").contains("\"sealed\":"), "the letter stays sealed");

    let all = queues(&stage);
    assert!(all.iter().any(|queue| queue == "dead") && all.iter().any(|queue| queue == "tap"), "{all:?}");
    for queue in all {
        let held = json!(look(&stage, &queue)).to_string();
        assert_eq!(secrets.find(held.as_bytes()), None, "{queue}: {held}");
    }
    assert_eq!(on_disk(&stage, &secrets), None);

    // The searcher finds what is there: an open message of the same stage.
    let open = Message::copy(&stage, "input", "open");
    let mut there = Secrets::default();
    there.add_grant(open.body["input"]["url"].as_str().expect("a URL"));
    open.publish(&stage);
    assert!(on_disk(&stage, &there).is_some(), "an open grant is on the broker's disk");

    // The producer cannot open the letter; what it reported at submit tells the blobs.
    stage.put("late", "here at last");
    let replay = fleet.producer(&public).args(["dead", "replay", &late, "--wait", "--timeout", "90s"]);
    let told = replay.run(COMMAND_TIMEOUT).expect_code(0).stdout;
    assert!(told.contains("succeeded"), "{told}");
    assert_eq!(stage.storage.get(&stage.output, "late"), b"here at last");
}

#[test]
fn a_sealed_grant_opens_in_no_other_message() {
    let stage = Stage::new();
    let fleet = Fleet::new(&stage);
    stage.put("input", "some bytes");
    let own = fleet.submit(
        &fleet.public(),
        &format!("{}/input", stage.input),
        &stage.target("own"),
        &["-p", "copy"],
    );
    let body = look_for(&stage, "jobs.r0", 1)[0]["body"].as_str().expect("a body").to_owned();
    let sealed: Value = serde_json::from_str(&body).expect("JSON");
    let _worker = fleet.worker();
    assert_eq!(stage.wait(0, &own)["state"], "succeeded");

    // As a thief would who reads the queue: the same ciphertext under an id, a lane, a preset, a time of their own.
    let copied =
        |pointer: &str, value: Value| Message { id: own.clone(), body: sealed.clone() }.with(pointer, value);
    let id = uuid::Uuid::now_v7().to_string();
    let mut moved = copied("/id", json!(id));
    moved.id.clone_from(&id);
    let mut thefts = vec![moved];
    for (pointer, value) in [
        ("/preset/version", json!(2)),
        ("/lane", json!("other")),
        ("/not_after", json!("2099-01-01T00:00:00Z")),
    ] {
        // A new job each time: what a worker has ended, it does not look at again.
        let theft_id = uuid::Uuid::now_v7().to_string();
        let mut theft = copied(pointer, value).with("/id", json!(theft_id));
        theft.id = theft_id;
        thefts.push(theft);
    }
    // And with a header that has been made to fit.
    let forged_id = uuid::Uuid::now_v7().to_string();
    let (header, rest) = sealed["sealed"].as_str().expect("a text").split_once('.').expect("five parts");
    let mut header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).expect("base64url")).expect("JSON");
    header["job"] = json!(forged_id);
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    let mut forged = copied("/sealed", json!(format!("{header}.{rest}"))).with("/id", json!(forged_id));
    forged.id = forged_id;
    thefts.push(forged);

    for theft in &thefts {
        theft.publish(&stage);
        let letter = wait_for_letter(&stage, &theft.id);
        assert_eq!(letter["reason"], "sealed-refused", "{letter:#}");
    }
    // A key that nobody has told the worker of.
    let stranger = Stage::new();
    let strangers = Fleet::new(&stranger);
    strangers.valet(&["rotate", "--kid", "unknown", "--private", text(&strangers.private())]);
    strangers.valet(&["rotate", "--retire", "first"]);
    let other = fleet.submit(
        &strangers.public(),
        &format!("{}/input", stage.input),
        &stage.target("other"),
        &["-p", "copy"],
    );
    assert_eq!(wait_for_letter(&stage, &other)["reason"], "sealed-key-unknown");
    assert_eq!(stage.storage.list(&stage.output), ["own"]);
}

#[test]
fn two_keys_are_live_at_once_and_a_worker_learns_of_the_second_by_itself() {
    let stage = Stage::new();
    let fleet = Fleet::new(&stage);
    let input = stage.put("input", "some bytes");
    let old_list = stage.folder.join("old.public.json");
    std::fs::copy(fleet.public(), &old_list).expect("a public list");
    let worker = fleet.worker();
    let run = |list: &Path, output: &str| {
        let id = fleet.submit(list, &input, &stage.target(output), &["-p", "copy"]);
        assert_eq!(stage.wait(0, &id)["state"], "succeeded", "{}", worker.stderr());
    };
    run(&fleet.public(), "before");
    fleet.valet(&["rotate", "--kid", "second", "--private", text(&fleet.private())]);
    run(&fleet.public(), "still-the-first");
    fleet.valet(&["rotate", "--retire", "first"]);
    let published: Value = serde_json::from_str(&fleet.valet(&["publish"])).expect("a JWK Set");
    assert_eq!(
        (published["keys"].as_array().map(Vec::len), &published["keys"][0]["kid"]),
        (Some(1), &json!("second"))
    );
    run(&fleet.public(), "second");
    // A partner who has the old list only.
    run(&old_list, "late-with-the-first");
    assert!(!worker.stderr().contains("cannot read the fleet's keys"), "{}", worker.stderr());
}

#[test]
fn a_producer_that_is_told_not_to_seal_sends_grants_open() {
    let stage = Stage::new();
    let fleet = Fleet::new(&stage);
    let input = stage.put("input", "some bytes");
    let open = fleet.producer(&fleet.public()).env("VALET_FLEET_SEAL", "false");
    open.args(["submit", &input, &stage.target("output"), "-p", "copy"]).run(COMMAND_TIMEOUT).expect_code(0);
    let job = &look_for(&stage, "jobs.r0", 1)[0];
    assert!(job["body"].as_str().expect("a body").contains("sig="), "{job}");
}
