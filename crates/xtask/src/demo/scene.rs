//! Where the demo plays: private services, three broker logins, `valet` with the key, workers without.
//! Everything ends when its owner goes out of scope.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use valet_testkit::wait::try_wait_for;
use valet_testkit::{Broker, Folder, Process, Program, Storage, bin};

use super::signals;
use crate::shell;

/// Blob container of inputs.
pub(super) const ORIGINALS: &str = "originals";
/// Blob container of outputs.
pub(super) const RENDITIONS: &str = "renditions";

const VHOST: &str = "valet";
/// A copy of every job message, for a look at the grants inside; nothing of Valet has it.
const TAP: &str = "demo.tap";
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest that one command of `valet` may take, the wait for all jobs included.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(180);
/// Of our own environment, what a program on a terminal needs.
const ENVIRONMENT_KEPT: [&str; 8] =
    ["PATH", "HOME", "TMPDIR", "TERM", "COLORTERM", "LANG", "LC_ALL", "NO_COLOR"];

/// Services, settings and logins.
pub(super) struct Scene {
    // Fields are dropped in order: the folder last.
    pub(super) broker: Broker,
    pub(super) storage: Storage,
    folder: Folder,
}

impl Scene {
    /// Starts both services side by side, and makes virtual host, topology, logins and blob containers.
    pub(super) fn set_up() -> Result<Self, String> {
        let storage = std::thread::spawn(Storage::start);
        let broker = Broker::start();
        let storage = storage.join().map_err(|_| "Azurite did not start".to_owned())?;
        signals::check()?;
        let scene = Self { broker, storage, folder: Folder::new("demo") };
        scene.folder.write("account-key", scene.storage.key());
        scene.folder.write("admin-password", scene.broker.password());
        scene.make_vhost();
        scene.declare()?;
        scene.bind_tap();
        [ORIGINALS, RENDITIONS].iter().for_each(|name| scene.storage.create_container(name));
        Ok(scene)
    }

    /// `valet` as the producer, on our own terminal.
    pub(super) fn valet(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.arg("--config").arg(self.login("producer")).args(arguments);
        command
            .env("VALET_STORAGE_ACCOUNT", self.storage.account())
            .env("VALET_STORAGE_ACCOUNT_KEY_FILE", self.folder.join("account-key"))
            .env("VALET_STORAGE_ENDPOINT", self.storage.endpoint())
            .env("VALET_STORAGE_LOOPBACK", "true")
            .env("VALET_STATUS_URL", format!("sqlite:{}", self.folder.join("status.db").display()));
        command
    }

    /// `valet-worker run`, set up and not started: the worker's login and nothing of the storage.
    pub(super) fn worker_program(&self, number: usize) -> Program {
        let settings = self.login("worker");
        Program::bin("valet-worker")
            .args(["run", "--config"])
            .arg(settings)
            .envs(self.worker_variables(number))
    }

    /// `valet-worker prove`, set up as a worker is.
    pub(super) fn prover(&self) -> Program {
        Program::bin("valet-worker")
            .args(["prove", "--json", "--config"])
            .arg(self.login("worker"))
            .envs(self.worker_variables(8))
    }

    /// The environment that we give to a worker; testkit adds `PATH` and `TMPDIR`.
    pub(super) fn worker_variables(&self, number: usize) -> [(&'static str, String); 3] {
        let scratch = self.folder.join(&format!("scratch-{number}"));
        [
            ("VALET_STORAGE_LOOPBACK", "true".to_owned()),
            ("VALET_WORKER_NAME", format!("worker-{number}")),
            ("VALET_WORKER_SCRATCH", scratch.display().to_string()),
        ]
    }

    /// A worker that takes jobs.
    pub(super) fn worker(&self, number: usize) -> Result<Process, String> {
        let worker = self.worker_program(number).start();
        let is_over = || {
            let said = worker.stderr();
            if said.contains("taking jobs") {
                return Ok(Ok(()));
            }
            if worker.is_running() { Err(said) } else { Ok(Err(said)) }
        };
        let ended = try_wait_for(START_TIMEOUT, is_over).and_then(|outcome| outcome);
        ended.map_err(|said| format!("worker-{number} does not take jobs:\n{said}"))?;
        Ok(worker)
    }

    /// The settings file of one of the three logins.
    pub(super) fn login(&self, role: &str) -> std::path::PathBuf {
        self.folder.join("logins").join(format!("{role}.toml"))
    }

    /// The next job message that was published, as the broker's administrator sees it.
    pub(super) fn tapped(&self) -> Option<String> {
        let take = json!({"count": 1, "ackmode": "ack_requeue_false", "encoding": "auto"});
        let messages = self.broker.api("POST", &format!("/api/queues/{VHOST}/{TAP}/get"), Some(take));
        messages[0]["payload"].as_str().map(str::to_owned)
    }

    fn make_vhost(&self) {
        self.broker.api("PUT", &format!("/api/vhosts/{VHOST}"), Some(json!({})));
        let path = format!("/api/permissions/{VHOST}/{}", self.broker.username());
        self.broker.api("PUT", &path, Some(json!({"configure": ".*", "write": ".*", "read": ".*"})));
    }

    fn declare(&self) -> Result<(), String> {
        let mut command = program();
        command.args(["topology", "declare", "--logins"]).arg(self.folder.join("logins"));
        // What testkit's node says in its rabbitmq.conf; from RabbitMQ 3.12 on the queue's own limit counts.
        command.args(["--node-consumer-timeout", "5h"]);
        command
            .env("VALET_BROKER_URL", self.broker.amqp_url(VHOST))
            .env("VALET_BROKER_MANAGEMENT_URL", self.broker.management_url())
            .env("VALET_BROKER_ADMIN_USERNAME", self.broker.username())
            .env("VALET_BROKER_ADMIN_PASSWORD_FILE", self.folder.join("admin-password"));
        shell::output(&mut command).map(drop)
    }

    fn bind_tap(&self) {
        self.broker.api("PUT", &format!("/api/queues/{VHOST}/{TAP}"), Some(json!({"durable": true})));
        let path = format!("/api/bindings/{VHOST}/e/jobs/q/{TAP}");
        self.broker.api("POST", &path, Some(json!({"routing_key": "r0"})));
    }
}

/// Runs a command on our terminal, in sight, and returns its exit code.
pub(super) fn attended(command: &mut Command) -> Result<i32, String> {
    let mut child = command.spawn().map_err(|cause| format!("cannot start valet: {cause}"))?;
    let ended = try_wait_for(COMMAND_TIMEOUT, || match child.try_wait() {
        Ok(Some(status)) => Ok(Ok(status)),
        Ok(None) if signals::is_stopping() => Ok(Err("stopped before its end".to_owned())),
        Ok(None) => Err("it still runs".to_owned()),
        Err(cause) => Ok(Err(cause.to_string())),
    });
    let status = ended.and_then(|outcome| outcome).map_err(|why| {
        // It may have ended just now; then there is nothing to kill.
        let _ = child.kill();
        let _ = child.wait();
        format!("valet: {why}")
    })?;
    signals::check()?;
    status.code().ok_or_else(|| format!("valet: {status}"))
}

/// Runs `valet --json …` out of sight: one value a line, whatever its exit code says about the jobs.
pub(super) fn values(command: &mut Command) -> Result<Vec<Value>, String> {
    let output = command.output().map_err(|cause| format!("cannot start valet: {cause}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let parsed = text.lines().map(|line| serde_json::from_str(line).map_err(|e| format!("{e}: {line}")));
    let values: Vec<Value> = parsed.collect::<Result<_, _>>()?;
    match values.is_empty() {
        true => Err(format!("valet: {}", String::from_utf8_lossy(&output.stderr))),
        false => Ok(values),
    }
}

fn program() -> Command {
    let mut command = shell::command(&bin("valet").display().to_string());
    command.env_clear();
    command.envs(ENVIRONMENT_KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
}
