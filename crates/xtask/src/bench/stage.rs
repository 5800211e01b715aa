//! Where benches play: a private RabbitMQ and Azurite, the declared topology, and the programs of `--release`
//! with the logins made for them. Must never measure.

use std::ops::Deref;
use std::path::PathBuf;
use std::time::Duration;

use valet_testkit::stage::Stage as Common;
use valet_testkit::{Broker, Process, Storage, StorageOptions, process};

use crate::{setup, shell};

/// Longest that one command of a bench may take: minutes of encoding on a machine that does other work.
pub(super) const COMMAND_TIMEOUT: Duration = Duration::from_secs(600);

/// The services, each of one's own.
pub(super) struct Services {
    pub(super) broker: Broker,
    pub(super) storage: Storage,
}

impl Services {
    /// Sets up, builds the programs, starts the services.
    pub(super) fn start() -> Result<Self, String> {
        Self::start_with(&StorageOptions::default())
    }

    /// [`Services::start`] with a storage that is not the usual one.
    pub(super) fn start_with(storage: &StorageOptions) -> Result<Self, String> {
        Self::built(&["--workspace", "--bins"], storage)
    }

    /// [`Services::start`] for a bench that needs no more than these words name to cargo.
    pub(super) fn start_for(words: &[&str]) -> Result<Self, String> {
        Self::built(words, &StorageOptions::default())
    }

    fn built(words: &[&str], storage: &StorageOptions) -> Result<Self, String> {
        setup::ensure(false)?;
        shell::check(&mut shell::cargo(&[&["build", "--release"], words].concat()))?;
        eprintln!("starting RabbitMQ and Azurite");
        Ok(Self { broker: Broker::start(), storage: Storage::start_with(storage) })
    }
}

/// One virtual host with its topology and logins, and two blob containers.
pub(super) struct Stage<'a>(Common<'a>);

impl<'a> Stage<'a> {
    pub(super) fn new(services: &'a Services) -> Self {
        Self::declared(services, &[])
    }

    /// A stage whose topology was declared with these further options.
    pub(super) fn declared(services: &'a Services, options: &[&str]) -> Self {
        Self(Common::of(&release_folder(), &services.broker, &services.storage, options))
    }

    /// The same stage, with storage reached at another address (a proxy in front of it).
    pub(super) fn through(self, endpoint: &str) -> Self {
        Self(self.0.through(endpoint))
    }

    /// A worker with this many slots, taking jobs.
    pub(super) fn worker(&self, slots: usize) -> Process {
        self.start(self.worker_program().env("VALET_WORKER_SLOTS", slots.to_string()))
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
}

impl<'a> Deref for Stage<'a> {
    type Target = Common<'a>;
    fn deref(&self) -> &Common<'a> {
        &self.0
    }
}

/// A program, or example, of the `--release` build. (We ourselves are of the debug build.)
pub(super) fn release(name: &str) -> PathBuf {
    release_folder().join(name)
}

fn release_folder() -> PathBuf {
    let debug = process::bin("xtask");
    let target = debug.ancestors().nth(2).expect("a build's folder is inside the target folder");
    target.join("release")
}
