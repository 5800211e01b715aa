//! Where benches play: a private RabbitMQ and Azurite, the declared topology, and the programs of `--release`
//! with the logins made for them. Must never measure.

use std::path::PathBuf;
use std::time::Duration;

use valet_testkit::{Broker, Folder, Process, Program, Storage, StorageOptions, Vhost, process, wait_for};

use crate::{setup, shell};

/// Longest that one command of a bench may take: minutes of encoding on a machine that does other work.
pub(super) const COMMAND_TIMEOUT: Duration = Duration::from_secs(600);

/// Longest until a worker takes jobs.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The services, each of one's own.
pub(super) struct Services {
    broker: Broker,
    storage: Storage,
}

impl Services {
    /// Sets up, builds the programs, starts the services.
    pub(super) fn start() -> Result<Self, String> {
        Self::start_with(&StorageOptions::default())
    }

    /// [`Services::start`] with a storage that is not the usual one.
    pub(super) fn start_with(storage: &StorageOptions) -> Result<Self, String> {
        setup::ensure(false)?;
        shell::check(&mut shell::cargo(&["build", "--release", "--workspace", "--bins"]))?;
        eprintln!("starting RabbitMQ and Azurite");
        Ok(Self { broker: Broker::start(), storage: Storage::start_with(storage) })
    }
}

/// One virtual host with its topology and logins, and two blob containers.
pub(super) struct Stage<'a> {
    pub(super) broker: &'a Broker,
    pub(super) storage: &'a Storage,
    pub(super) vhost: Vhost<'a>,
    /// Blob container of inputs.
    pub(super) input: String,
    /// Blob container of outputs.
    pub(super) output: String,
    pub(super) folder: Folder,
}

impl<'a> Stage<'a> {
    pub(super) fn new(services: &'a Services) -> Self {
        let (broker, storage) = (&services.broker, &services.storage);
        let stage = Self {
            broker,
            storage,
            vhost: broker.vhost(),
            input: storage.container(),
            output: storage.container(),
            folder: Folder::new("bench"),
        };
        stage.folder.write("account-key", storage.key());
        stage.folder.write("admin-password", broker.password());
        stage.declare();
        stage
    }

    /// `valet`, set up as the producer.
    pub(super) fn valet(&self) -> Program {
        Program::new(release("valet"))
            .arg("--config")
            .arg(self.login("producer"))
            .env("VALET_STORAGE_ACCOUNT", self.storage.account())
            .env("VALET_STORAGE_ACCOUNT_KEY_FILE", self.folder.join("account-key"))
            .env("VALET_STORAGE_ENDPOINT", self.storage.endpoint())
            .env("VALET_STORAGE_LOOPBACK", "true")
    }

    /// A worker with this many slots, taking jobs.
    pub(super) fn worker(&self, slots: usize) -> Process {
        let worker = Program::new(release("valet-worker"))
            .args(["run", "--config"])
            .arg(self.login("worker"))
            .env("VALET_STORAGE_LOOPBACK", "true")
            .env("VALET_WORKER_NAME", "bench")
            .env("VALET_WORKER_SLOTS", slots.to_string())
            .env("VALET_WORKER_SCRATCH", self.folder.join("scratch"))
            .start();
        wait_for("the worker to be ready", START_TIMEOUT, || {
            let said = worker.stderr();
            assert!(worker.is_running(), "the worker ended: {said}");
            if said.contains("taking jobs") { Ok(()) } else { Err(said) }
        });
        worker
    }

    /// Writes a manifest of these jobs (input blob, output blob), all with one preset.
    pub(super) fn manifest(&self, preset: &str, jobs: impl Iterator<Item = (String, String)>) -> PathBuf {
        let line = |(input, output)| {
            let job = serde_json::json!({
                "input": format!("{}/{input}", self.input),
                "output": format!("{}/{output}", self.output),
                "preset": preset,
            });
            format!("{job}\n")
        };
        self.folder.write("jobs.jsonl", jobs.map(line).collect::<String>())
    }

    /// Forgets all waiting jobs.
    pub(super) fn purge(&self) {
        self.broker.api("DELETE", &format!("/api/queues/{}/jobs.r0/contents", self.vhost.name()), None);
    }

    fn declare(&self) {
        Program::new(release("valet"))
            .env("VALET_BROKER_URL", self.vhost.amqp_url())
            .env("VALET_BROKER_MANAGEMENT_URL", self.broker.management_url())
            .env("VALET_BROKER_ADMIN_USERNAME", self.broker.username())
            .env("VALET_BROKER_ADMIN_PASSWORD_FILE", self.folder.join("admin-password"))
            .args(["topology", "declare", "--logins"])
            .arg(self.folder.join("logins"))
            .args(["--login-prefix", self.vhost.name()])
            .run(COMMAND_TIMEOUT)
            .expect_code(0);
    }

    fn login(&self, role: &str) -> PathBuf {
        self.folder.join("logins").join(format!("{role}.toml"))
    }
}

/// A program, or example, of the `--release` build. (We ourselves are of the debug build.)
pub(super) fn release(name: &str) -> PathBuf {
    let debug = process::bin("xtask");
    let target = debug.ancestors().nth(2).expect("a build's folder is inside the target folder");
    target.join("release").join(name)
}
