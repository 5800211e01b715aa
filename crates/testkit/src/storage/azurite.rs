//! Azurite as our own child, run by Node from `tools/azurite`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;

use crate::port::Port;
use crate::wait::wait_for;
use crate::{Folder, Process, Program, http, workspace};

const MAIN: &str = "tools/azurite/node_modules/azurite/dist/src/blob/main.js";
const START_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// How a private storage differs from the usual one.
#[derive(Clone, Debug, Default)]
pub struct StorageOptions {
    /// Keep blobs on disk: for gigabytes, and for data that survives [`super::Storage::stop`].
    pub on_disk: bool,
    /// Another account (name, key in base64) instead of the well-known one.
    pub account: Option<(String, String)>,
    /// A second key of that account; both are valid, as in a rotation.
    pub second_key: Option<String>,
    /// Grants name the account in the host, as in production: `http://<account>.blob.localhost:port`.
    pub production_style: bool,
    /// More arguments for Azurite.
    pub arguments: Vec<String>,
}

/// Azurite, running or stopped.
#[derive(Debug)]
pub(super) struct Azurite {
    process: Mutex<Process>,
    options: StorageOptions,
    port: Port,
    /// After the process: dropped last, so that nothing writes there any more.
    folder: Folder,
}

impl Azurite {
    pub(super) fn start(options: &StorageOptions) -> Self {
        let (folder, port) = (Folder::new("azurite"), Port::reserve());
        let process = Mutex::new(start_process(options, &folder, &port));
        Self { process, options: options.clone(), port, folder }
    }

    pub(super) fn origin(&self) -> String {
        origin(&self.port)
    }

    pub(super) fn stop(&self) {
        self.resume(); // a frozen process would not see SIGTERM
        self.process().terminate(STOP_TIMEOUT);
    }

    pub(super) fn restart(&self) {
        let mut process = self.process();
        assert!(!process.is_running(), "the storage runs; stop it before a restart");
        *process = start_process(&self.options, &self.folder, &self.port);
    }

    pub(super) fn pause(&self) {
        self.process().signal(Signal::STOP);
    }

    pub(super) fn resume(&self) {
        self.process().signal(Signal::CONT);
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn start_process(options: &StorageOptions, folder: &Folder, port: &Port) -> Process {
    let main = workspace::root().join(MAIN);
    assert!(main.exists(), "Azurite is not installed ({}); cargo xtask setup", main.display());
    let mut program = Program::new("node")
        .arg(main)
        .args(["--blobHost", "127.0.0.1", "--blobPort", &port.number().to_string()])
        .args(["--disableTelemetry", "--silent"])
        .args(&options.arguments)
        .current_dir(folder.path());
    program = match options.on_disk {
        true => program.arg("--location").arg(folder.join("data")),
        false => program.arg("--inMemoryPersistence"),
    };
    if let Some((name, key)) = &options.account {
        let second = options.second_key.as_ref().map(|key| format!(":{key}")).unwrap_or_default();
        program = program.env("AZURITE_ACCOUNTS", format!("{name}:{key}{second}"));
    }
    let process = program.start();
    await_answer(&origin(port), &process);
    process
}

fn await_answer(origin: &str, process: &Process) {
    wait_for("Azurite to answer", START_TIMEOUT, || {
        assert!(process.is_running(), "Azurite ended while starting\n{}", process.last_lines());
        http::send("GET", origin, &[], ()).map_err(|cause| format!("{cause}\n{}", process.last_lines()))
    });
}

fn origin(port: &Port) -> String {
    format!("http://127.0.0.1:{}", port.number())
}
