//! A started program and what it said.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::Folder;
use crate::wait::try_wait_for;

/// How many lines of a child's output a failure shows.
const LINES_SHOWN: usize = 40;

/// A running child. Dropped, it is killed; in a panic its last lines are printed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Mutex<Child>,
    /// Holds the files `stdout` and `stderr`.
    output: Folder,
}

/// How a child ended and what it said.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// All it wrote to standard output.
    pub stdout: String,
    /// All it wrote to standard error.
    pub stderr: String,
}

impl Finished {
    /// Whether its exit code is 0.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }

    /// Itself, when its exit code is `code`.
    ///
    /// # Panics
    /// Otherwise, with all it said.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

impl Process {
    pub(super) fn new(name: String, child: Child, output: Folder) -> Self {
        Self { name, child: Mutex::new(child), output }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child().id()
    }

    /// What it has written to standard output so far.
    pub fn stdout(&self) -> String {
        self.read("stdout")
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.read("stderr")
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        self.status().is_none()
    }

    /// Sends a signal; nothing happens when it has ended.
    pub fn signal(&self, signal: Signal) {
        // Under the lock nobody reaps it meanwhile, so its id cannot belong to another process.
        let mut child = self.child();
        if let Ok(None) = child.try_wait() {
            let _ = rustix::process::kill_process(Pid::from_child(&child), signal);
        }
    }

    /// Kills it and waits for its end.
    pub fn kill(&self) {
        let mut child = self.child();
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Asks it to end with SIGTERM and waits.
    ///
    /// # Panics
    /// When it still runs after `timeout`.
    #[track_caller]
    pub fn terminate(&self, timeout: Duration) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait(timeout)
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it still runs after `timeout`, with its last lines.
    #[track_caller]
    pub fn wait(&self, timeout: Duration) -> ExitStatus {
        try_wait_for(timeout, || self.status())
            .unwrap_or_else(|_| panic!("{} still runs after {timeout:?}\n{}", self.name, self.last_lines()))
    }

    /// Waits for its end and takes all it said.
    ///
    /// # Panics
    /// When it still runs after `timeout`.
    #[track_caller]
    pub fn finish(self, timeout: Duration) -> Finished {
        let status = self.wait(timeout);
        Finished {
            code: status.code(),
            signal: status.signal(),
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }

    /// The end of its output, for a failure's message.
    pub fn last_lines(&self) -> String {
        ["stdout", "stderr"]
            .map(|stream| format!("{} {stream}:\n{}", self.name, tail(&self.read(stream))))
            .join("\n")
    }

    fn status(&self) -> Option<ExitStatus> {
        self.child().try_wait().expect("our own child can be waited for")
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, stream: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.output.join(stream)).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}", self.last_lines());
        }
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
}
