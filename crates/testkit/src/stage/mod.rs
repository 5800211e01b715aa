//! One stage a test: a virtual host with the declared topology, two blob containers, and producer and worker set
//! up for them with the logins that `valet topology declare` made. Never speaks for the programs: everything
//! here goes through their command lines, the broker and the storage.

mod mode;
mod submitted;
mod verbs;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::{Broker, Folder, Process, Program, Storage, Vhost, wait_for, workspace};

pub use mode::Mode;

/// Longest that a command of `valet` may take, waiting for jobs included.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest until a worker has taken up its work.
pub const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a test plays.
#[derive(Debug)]
pub struct Stage<'a> {
    /// The broker.
    pub broker: &'a Broker,
    /// The storage.
    pub storage: &'a Storage,
    /// The test's own part of the broker.
    pub vhost: Vhost<'a>,
    /// Blob container of inputs.
    pub input: String,
    /// Blob container of outputs.
    pub output: String,
    /// What belongs to producer and administrator.
    pub folder: Folder,
    /// As whom workers run.
    pub mode: Mode,
    /// What workers may read and write.
    worker_folder: Folder,
    /// Where the programs are.
    programs: PathBuf,
    endpoint: String,
    /// The setting that opens the storage's host.
    opened_by: (&'static str, &'static str),
    workers: AtomicU32,
}

impl Stage<'static> {
    /// A stage on the broker and the storage that all tests share.
    ///
    /// # Panics
    /// As [`Stage::of`].
    #[expect(clippy::new_without_default, reason = "it starts processes, which no default should")]
    pub fn new() -> Self {
        Stage::on(Broker::shared(), Storage::shared())
    }
}

impl<'a> Stage<'a> {
    /// A stage on a broker and a storage of one's own.
    ///
    /// # Panics
    /// As [`Stage::of`].
    pub fn on(broker: &'a Broker, storage: &'a Storage) -> Self {
        Self::declared(broker, storage, &[])
    }

    /// A stage whose topology was declared with these further options.
    ///
    /// # Panics
    /// As [`Stage::of`].
    pub fn declared(broker: &'a Broker, storage: &'a Storage, options: &[&str]) -> Self {
        Self::of(&workspace::program_folder(), broker, storage, options)
    }

    /// A stage for the programs in another folder than the running build's, such as those of `--release`.
    ///
    /// # Panics
    /// When a program is missing, or broker or storage refuse to be set up.
    pub fn of(programs: &Path, broker: &'a Broker, storage: &'a Storage, options: &[&str]) -> Self {
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
            programs: programs.to_owned(),
            endpoint: storage.endpoint(),
            opened_by: ("VALET_STORAGE_LOOPBACK", "true"),
            workers: AtomicU32::new(0),
        };
        stage.folder.write("account-key", storage.key());
        stage.folder.write("admin-password", broker.password());
        stage.declare(options);
        stage
    }

    /// The same stage, with storage reached at another address (a proxy in front of it).
    pub fn through(mut self, endpoint: &str) -> Self {
        self.endpoint = endpoint.to_owned();
        self
    }

    /// The same stage, with storage's host listed by its name instead of opened as this machine.
    pub fn by_name(mut self, host: &'static str) -> Self {
        self.opened_by = ("VALET_STORAGE_DEVELOPMENT_HOSTS", host);
        self
    }

    /// `valet`, set up as the producer.
    pub fn valet(&self) -> Program {
        self.storage_settings(self.program("valet").args(["--config"]).arg(self.login("producer")))
            .env("VALET_STATUS_URL", self.status_url())
    }

    /// The stage's own status store.
    pub fn status_url(&self) -> String {
        format!("sqlite:{}", self.folder.join("status.db").display())
    }

    /// `valet`, set up as the administrator who declares the topology.
    pub fn admin(&self) -> Program {
        self.program("valet")
            .env("VALET_BROKER_URL", self.vhost.amqp_url())
            .env("VALET_BROKER_MANAGEMENT_URL", self.broker.management_url())
            .env("VALET_BROKER_ADMIN_USERNAME", self.broker.username())
            .env("VALET_BROKER_ADMIN_PASSWORD_FILE", self.folder.join("admin-password"))
    }

    /// `valet-worker run`, set up and not started.
    pub fn worker_program(&self) -> Program {
        self.worker_verb("run")
    }

    /// `valet-worker` with a verb that reads its settings, set up and not started.
    pub fn worker_verb(&self, verb: &str) -> Program {
        self.worker_in(self.mode, verb)
    }

    /// The same in other surroundings than all the rest.
    ///
    /// # Panics
    /// When the worker's login cannot be handed over.
    pub fn worker_in(&self, mode: Mode, verb: &str) -> Program {
        let number = self.workers.fetch_add(1, Ordering::Relaxed);
        mode.worker(self.programs.join("valet-worker"))
            .args([verb, "--config"])
            .arg(self.mode.hand_over(&self.login("worker"), &self.worker_folder))
            .env(self.opened_by.0, self.opened_by.1)
            // `publish` is the administrator's, whom a worker would not take jobs from.
            .env(
                "VALET_WORKER_PUBLISHERS",
                format!("{0}-producer,{0}-dispatcher,{1}", self.vhost.name(), self.broker.username()),
            )
            .env("VALET_JAIL_ROOTS", mode.roots())
            .env("VALET_WORKER_NAME", format!("worker-{number}"))
            .env("VALET_WORKER_SCRATCH", self.worker_folder.join(&format!("scratch-{number}")))
    }

    /// A running worker, taking jobs.
    ///
    /// # Panics
    /// When it does not get that far.
    #[track_caller]
    pub fn worker(&self) -> Process {
        self.start(self.worker_program())
    }

    /// Starts a worker and waits until it takes jobs.
    ///
    /// # Panics
    /// When it does not get that far, with what it said.
    #[track_caller]
    pub fn start(&self, program: Program) -> Process {
        let worker = program.start();
        wait_for("the worker to be ready", START_TIMEOUT, || {
            let said = worker.stderr();
            assert!(worker.is_running(), "the worker ended: {said}");
            if said.contains("taking jobs") { Ok(()) } else { Err(said) }
        });
        worker
    }

    /// `valet-dispatch run`, set up and not started.
    pub fn dispatcher_program(&self) -> Program {
        self.program("valet-dispatch")
            .args(["run", "--config"])
            .arg(self.login("dispatcher"))
            .env(self.opened_by.0, self.opened_by.1)
    }

    /// A running dispatcher, serving the lanes.
    ///
    /// # Panics
    /// When it does not get that far.
    #[track_caller]
    pub fn dispatcher(&self) -> Process {
        let dispatcher = self.dispatcher_program().start();
        wait_for("the dispatcher to lead", START_TIMEOUT, || {
            let said = dispatcher.stderr();
            assert!(dispatcher.is_running(), "the dispatcher ended: {said}");
            if said.contains("leading") { Ok(()) } else { Err(said) }
        });
        dispatcher
    }

    /// The settings of one of the four logins.
    pub fn login(&self, role: &str) -> PathBuf {
        self.folder.join("logins").join(format!("{role}.toml"))
    }

    /// Declares the topology, once more when a test has taken something of it away. What is there stays.
    ///
    /// # Panics
    /// When it is refused.
    pub fn declare(&self, options: &[&str]) {
        let declare = self.admin().args(["topology", "declare", "--logins"]).arg(self.folder.join("logins"));
        // Logins belong to the whole broker, which other tests use too.
        let declare = declare.args(["--login-prefix", self.vhost.name()]).args(options);
        // Longer than any test, and than the usual wall limit of any preset.
        let is_given = options.contains(&"--node-consumer-timeout");
        let declare = if is_given { declare } else { declare.args(["--node-consumer-timeout", "5h"]) };
        let is_given = options.contains(&"--consumer-timeout");
        let declare = if is_given { declare } else { declare.args(["--consumer-timeout", "5h"]) };
        declare.run(COMMAND_TIMEOUT).expect_code(0);
    }

    fn storage_settings(&self, program: Program) -> Program {
        program
            .env("VALET_STORAGE_ACCOUNT", self.storage.account())
            .env("VALET_STORAGE_ACCOUNT_KEY_FILE", self.folder.join("account-key"))
            .env("VALET_STORAGE_ENDPOINT", &self.endpoint)
            .env(self.opened_by.0, self.opened_by.1)
    }

    fn program(&self, name: &str) -> Program {
        let path = self.programs.join(name);
        assert!(
            path.exists(),
            "{} is missing; build it first: cargo build --workspace --bins",
            path.display()
        );
        Program::new(path)
    }
}
