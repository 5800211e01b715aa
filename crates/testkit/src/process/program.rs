//! What to start: a program with its arguments, environment and folder.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::child::{Finished, Process};
use super::{bin, find_program, spawner};
use crate::Folder;

/// The parts of our own environment that a child gets.
const ENVIRONMENT_KEPT: [&str; 2] = ["PATH", "TMPDIR"];

/// A program to start, built up by its methods.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    user: Option<u32>,
    stdin: Vec<u8>,
}

impl Program {
    /// A program by path, or by name in `PATH`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let kept = ENVIRONMENT_KEPT.iter().filter_map(|k| Some((OsString::from(k), std::env::var_os(k)?)));
        Self {
            path: path.into(),
            arguments: Vec::new(),
            environment: kept.collect(),
            folder: None,
            user: None,
            stdin: Vec::new(),
        }
    }

    /// One of the project's own programs; see [`bin`].
    pub fn bin(name: &str) -> Self {
        Self::new(bin(name))
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets environment variables.
    pub fn envs<K: AsRef<OsStr>, V: AsRef<OsStr>>(self, pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        pairs.into_iter().fold(self, |program, (name, value)| program.env(name, value))
    }

    /// Sets its working folder; otherwise ours.
    pub fn current_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Runs it as this user, with the group of the same number and no other; only root can. Otherwise as us.
    pub fn user(mut self, user: u32) -> Self {
        self.user = Some(user);
        self
    }

    /// What it reads from its standard input; otherwise nothing.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    pub fn start(self) -> Process {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let output = Folder::new(&name);
        let input = output.write("stdin", &self.stdin);
        let open = |made: std::io::Result<File>| Stdio::from(made.expect("a private folder is writable"));
        let mut command = self.command();
        command
            .stdin(open(File::open(input)))
            .stdout(open(File::create(output.join("stdout"))))
            .stderr(open(File::create(output.join("stderr"))));
        let child = spawner::spawn(command)
            .unwrap_or_else(|e| panic!("cannot start {}: {e}; cargo xtask setup", self.path.display()));
        Process::new(name, child, output)
    }

    /// Starts it and waits for its end.
    ///
    /// # Panics
    /// When it cannot be started, or still runs after `timeout`; its last lines are in the message.
    #[track_caller]
    pub fn run(self, timeout: Duration) -> Finished {
        self.start().finish(timeout)
    }

    /// The command, behind `setpriv --pdeathsig` where there is one. It sets the signal on itself and then
    /// becomes the program: same process id. (Rust's own way to run code in the child is unsafe.)
    #[allow(clippy::disallowed_methods, reason = "testkit starts the children of tests")]
    fn command(&self) -> Command {
        let mut command = match find_program("setpriv") {
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "KILL", "--"]).arg(&self.path);
                // Ctrl-C on a terminal is for us alone: children end when their owners do.
                command.process_group(0);
                command
            }
            None => Command::new(&self.path),
        };
        command.args(&self.arguments).env_clear().envs(self.environment.iter().cloned());
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }
}
