//! One stage a test: a virtual host with the declared topology, two blob containers, and producer and worker set
//! up for them with the logins that `valet topology declare` made. Never speaks for the programs: everything
//! here goes through their command lines, the broker and the storage.

use std::time::Duration;

use serde_json::Value;
use valet_testkit::{Broker, Folder, Process, Program, Storage, Vhost, wait_for};

use crate::mode::Mode;

/// Longest that a command of `valet` may take, waiting for jobs included.
pub(crate) const COMMAND_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest until a worker has taken up its work.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a test plays.
pub(crate) struct Stage<'a> {
    pub(crate) broker: &'a Broker,
    pub(crate) storage: &'a Storage,
    pub(crate) vhost: Vhost<'a>,
    /// Blob container of inputs.
    pub(crate) input: String,
    /// Blob container of outputs.
    pub(crate) output: String,
    folder: Folder,
    /// As whom workers run.
    pub(crate) mode: Mode,
    /// What workers may read and write.
    worker_folder: Folder,
    endpoint: String,
    /// The setting that opens the storage's host.
    opened_by: (&'static str, &'static str),
    workers: std::cell::Cell<u32>,
}

impl Stage<'static> {
    /// A stage on the broker and the storage that all tests share.
    pub(crate) fn new() -> Self {
        Stage::on(Broker::shared(), Storage::shared())
    }
}

impl<'a> Stage<'a> {
    /// A stage on a broker and a storage of one's own.
    pub(crate) fn on(broker: &'a Broker, storage: &'a Storage) -> Self {
        Self::declared(broker, storage, &[])
    }

    /// A stage whose topology was declared with these further options.
    pub(crate) fn declared(broker: &'a Broker, storage: &'a Storage, options: &[&str]) -> Self {
        let mode = Mode::given();
        let stage = Self {
            broker,
            storage,
            vhost: broker.vhost(),
            input: storage.container(),
            output: storage.container(),
            folder: Folder::new("stage"),
            mode,
            worker_folder: mode.folder("worker"),
            endpoint: storage.endpoint(),
            opened_by: ("VALET_STORAGE_LOOPBACK", "true"),
            workers: std::cell::Cell::new(0),
        };
        stage.folder.write("account-key", storage.key());
        stage.folder.write("admin-password", broker.password());
        stage.declare(options);
        stage
    }

    /// The same stage, with storage reached at another address (a proxy in front of it).
    pub(crate) fn through(mut self, endpoint: &str) -> Self {
        self.endpoint = endpoint.to_owned();
        self
    }

    /// The same stage, with storage's host listed by its name instead of opened as this machine.
    pub(crate) fn by_name(mut self, host: &'static str) -> Self {
        self.opened_by = ("VALET_STORAGE_DEVELOPMENT_HOSTS", host);
        self
    }

    /// Puts bytes into the input container and returns the blob's `container/blob`.
    pub(crate) fn put(&self, blob: &str, bytes: impl AsRef<[u8]>) -> String {
        self.storage.put(&self.input, blob, bytes);
        format!("{}/{blob}", self.input)
    }

    /// `container/blob` of an output.
    pub(crate) fn target(&self, blob: &str) -> String {
        format!("{}/{blob}", self.output)
    }

    /// `valet`, set up as the producer.
    pub(crate) fn valet(&self) -> Program {
        self.storage_settings(Program::bin("valet").args(["--config"]).arg(self.login("producer")))
    }

    /// `valet`, set up as the administrator who declares the topology.
    pub(crate) fn admin(&self) -> Program {
        Program::bin("valet")
            .env("VALET_BROKER_URL", self.vhost.amqp_url())
            .env("VALET_BROKER_MANAGEMENT_URL", self.broker.management_url())
            .env("VALET_BROKER_ADMIN_USERNAME", self.broker.username())
            .env("VALET_BROKER_ADMIN_PASSWORD_FILE", self.folder.join("admin-password"))
    }

    /// `valet-worker run`, set up and not started.
    pub(crate) fn worker_program(&self) -> Program {
        self.worker_verb("run")
    }

    /// `valet-worker` with a verb that reads its settings, set up and not started.
    pub(crate) fn worker_verb(&self, verb: &str) -> Program {
        self.worker_in(self.mode, verb)
    }

    /// The same in other surroundings than all the rest.
    pub(crate) fn worker_in(&self, mode: Mode, verb: &str) -> Program {
        let number = self.workers.replace(self.workers.get() + 1);
        mode.worker()
            .args([verb, "--config"])
            .arg(self.mode.hand_over(&self.login("worker"), &self.worker_folder))
            .env(self.opened_by.0, self.opened_by.1)
            // `publish` below is the administrator's, whom a worker would not take jobs from.
            .env(
                "VALET_WORKER_PUBLISHERS",
                format!("{}-producer,{}", self.vhost.name(), self.broker.username()),
            )
            .env("VALET_JAIL_ROOTS", mode.roots())
            .env("VALET_WORKER_NAME", format!("worker-{number}"))
            .env("VALET_WORKER_SCRATCH", self.worker_folder.join(&format!("scratch-{number}")))
    }

    /// A running worker, taking jobs.
    pub(crate) fn worker(&self) -> Process {
        self.start(self.worker_program())
    }

    /// Starts a worker and waits until it takes jobs.
    pub(crate) fn start(&self, program: Program) -> Process {
        let worker = program.start();
        wait_for("the worker to be ready", START_TIMEOUT, || {
            let said = worker.stderr();
            assert!(worker.is_running(), "the worker ended: {said}");
            if said.contains("taking jobs") { Ok(()) } else { Err(said) }
        });
        worker
    }

    /// Runs `valet --json` with these arguments, expects `code`, and returns one value a line.
    #[track_caller]
    pub(crate) fn json(&self, code: i32, arguments: &[&str]) -> Vec<Value> {
        let finished = self.valet().arg("--json").args(arguments).run(COMMAND_TIMEOUT).expect_code(code);
        let lines = finished.stdout.lines();
        lines.map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }

    /// Submits one job and returns its id.
    #[track_caller]
    pub(crate) fn submit(&self, input: &str, output: &str, arguments: &[&str]) -> String {
        let all = [&["submit", input, output], arguments].concat();
        let told = self.json(0, &all);
        told[0]["id"].as_str().unwrap_or_else(|| panic!("no id in {told:?}")).to_owned()
    }

    /// Runs one job to its end, expects exit code `code`, and returns how it ended.
    #[track_caller]
    pub(crate) fn run(&self, code: i32, input: &str, output: &str, arguments: &[&str]) -> Value {
        let told = self.json(code, &[&["run", input, output], arguments].concat());
        told.into_iter().next_back().unwrap_or_default()
    }

    /// Waits for the end of a job, expects exit code `code`, and returns how it ended.
    #[track_caller]
    pub(crate) fn wait(&self, code: i32, job: &str) -> Value {
        self.json(code, &["wait", job, "--timeout", "90s"]).into_iter().next_back().unwrap_or_default()
    }

    /// All reports of a job so far, oldest first.
    #[track_caller]
    pub(crate) fn reports(&self, job: &str) -> Vec<Value> {
        self.json(0, &["events", "--job", job, "--since", "first", "--no-follow"])
    }

    /// All dead and expired letters.
    #[track_caller]
    pub(crate) fn dead(&self) -> Vec<Value> {
        self.json(0, &["dead", "ls"])
    }

    /// Puts bytes on the exchange `jobs` as somebody would who may, with no help of `valet`.
    pub(crate) fn publish(&self, body: &[u8], mut properties: Value) {
        properties["user_id"] = self.broker.username().into();
        use base64::Engine;
        let payload = base64::engine::general_purpose::STANDARD.encode(body);
        let path = format!("/api/exchanges/{}/jobs/publish", self.vhost.name());
        let message = serde_json::json!({
            "properties": properties, "routing_key": "r0", "payload": payload, "payload_encoding": "base64",
        });
        let answer = self.broker.api("POST", &path, Some(message));
        assert_eq!(answer["routed"], true, "{answer}");
    }

    fn declare(&self, options: &[&str]) {
        let declare = self.admin().args(["topology", "declare", "--logins"]).arg(self.folder.join("logins"));
        // Logins belong to the whole broker, which other tests use too.
        declare.args(["--login-prefix", self.vhost.name()]).args(options).run(COMMAND_TIMEOUT).expect_code(0);
    }

    /// The settings of one of the three logins.
    pub(crate) fn login(&self, role: &str) -> std::path::PathBuf {
        self.folder.join("logins").join(format!("{role}.toml"))
    }

    fn storage_settings(&self, program: Program) -> Program {
        program
            .env("VALET_STORAGE_ACCOUNT", self.storage.account())
            .env("VALET_STORAGE_ACCOUNT_KEY_FILE", self.folder.join("account-key"))
            .env("VALET_STORAGE_ENDPOINT", &self.endpoint)
            .env(self.opened_by.0, self.opened_by.1)
    }
}
