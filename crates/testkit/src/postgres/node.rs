//! A PostgreSQL server as our own child: private data, one port on 127.0.0.1, no system service.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;

use crate::port::Port;
use crate::wait::{try_wait_for, wait_for};
use crate::{Folder, Process, Program, process};

/// The superuser's name.
pub(super) const USERNAME: &str = "valet_test";

/// Where Debian has the programs of each version, which are not in `PATH`.
const VERSIONS: &str = "/usr/lib/postgresql";
/// As whom the server runs when we are root, since it refuses to be root: nobody.
const SERVER_USER: u32 = 65_534;
/// What a server says once it takes connections.
const READY: &str = "database system is ready to accept connections";
const START_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// A server, running or stopped, with its data.
#[derive(Debug)]
pub(super) struct Node {
    process: Mutex<Process>,
    port: Port,
    password: String,
    /// After the process: dropped last, so that nothing writes there any more.
    folder: Folder,
}

impl Node {
    pub(super) fn start() -> Self {
        let (folder, port) = (private_folder(), Port::reserve());
        let password: String = std::iter::repeat_with(fastrand::alphanumeric).take(32).collect();
        make_data(&folder, &password);
        Self { process: Mutex::new(start_process(&folder, &port)), port, password, folder }
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }

    /// SIGINT: connections are cut, everything is written.
    pub(super) fn stop(&self) {
        self.process().signal(Signal::INT);
        self.process().wait(STOP_TIMEOUT);
    }

    pub(super) fn kill(&self) {
        self.process().kill();
    }

    pub(super) fn restart(&self) {
        let mut process = self.process();
        assert!(!process.is_running(), "PostgreSQL runs; stop or kill it before a restart");
        *process = start_process(&self.folder, &self.port);
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // SIGQUIT ends it at once, yet it takes its processes and its shared memory along.
        let process = self.process();
        process.signal(Signal::QUIT);
        let _ = try_wait_for(STOP_TIMEOUT, || !process.is_running());
    }
}

/// A program of PostgreSQL: of the newest version that Debian has here, or in `PATH`.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let version = |folder: &PathBuf| folder.file_name()?.to_str()?.parse::<u32>().ok();
    let folders = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut candidates: Vec<PathBuf> =
        folders.filter(|folder| version(folder).is_some() && folder.join("bin/initdb").is_file()).collect();
    candidates.sort_by_key(version);
    let newest = candidates.pop().map(|folder| folder.join("bin").join(program));
    newest.filter(|path| path.is_file()).or_else(|| process::find_program(program))
}

fn private_folder() -> Folder {
    match server_user() {
        Some(user) => Folder::of_user("postgres", user),
        None => Folder::new("postgres"),
    }
}

fn server_user() -> Option<u32> {
    rustix::process::getuid().is_root().then_some(SERVER_USER)
}

fn as_server_user(program: Program) -> Program {
    match server_user() {
        Some(user) => program.user(user),
        None => program,
    }
}

fn make_data(folder: &Folder, password: &str) {
    let initdb = find("initdb").expect("PostgreSQL is not installed; cargo xtask setup");
    let program = Program::new(initdb)
        .args(["--username", USERNAME, "--auth", "scram-sha-256", "--pwfile"])
        .arg(folder.write("password", password))
        .args(["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--pgdata"])
        .arg(folder.join("data"))
        .current_dir(folder.path());
    as_server_user(program).run(START_TIMEOUT).expect_code(0);
}

fn start_process(folder: &Folder, port: &Port) -> Process {
    let postgres = find("postgres").expect("postgres comes with initdb");
    let process = as_server_user(in_own_ipc(postgres))
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-p", &port.number().to_string()])
        .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="])
        // A power cut of the machine is no test's business; a killed server loses nothing without it.
        .args(["-c", "fsync=off"])
        .current_dir(folder.path())
        .start();
    wait_for("PostgreSQL to be ready", START_TIMEOUT, || {
        assert!(process.is_running(), "PostgreSQL ended while starting\n{}", process.last_lines());
        process.stderr().contains(READY).then_some(()).ok_or_else(|| process.last_lines())
    });
    process
}

/// A few bytes of System V shared memory would stay behind a killed server; in an IPC namespace of its own they
/// go with it. Where a user may not have one, they stay.
fn in_own_ipc(postgres: PathBuf) -> Program {
    let unshare = || Program::new("unshare").args(["--user", "--map-current-user", "--ipc", "--"]);
    let may = process::find_program("unshare").is_some()
        && as_server_user(unshare().arg("true")).run(START_TIMEOUT).success();
    if may { unshare().arg(postgres) } else { Program::new(postgres) }
}
