//! One jailer, one root, one private folder; and how to run the fixture in a jail of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use valet_jail::{End, Exit, Jail, JailError, Jailer, Level, Limits, Order, Output, Root, Task};

/// Patience of every wait in these tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Enough for the fixture in all it does.
pub(crate) const LIMITS: Limits = Limits { data_bytes: 256 << 20, cpu_seconds: 20, file_bytes: 64 << 20 };

/// What a test of real jails needs.
pub(crate) struct Rig {
    pub(crate) jailer: Jailer,
    pub(crate) root: Root,
    pub(crate) folder: TempDir,
}

/// A jail that is over.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) exit: Exit,
    pub(crate) stdout: String,
    #[expect(dead_code, reason = "read by people, in the message of a test that fails")]
    pub(crate) stderr: String,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(&[("fixture", &fixture())])
    }

    /// A rig whose root holds `programs`.
    pub(crate) fn with(programs: &[(&str, &Path)]) -> Self {
        let jailer = Jailer::start_with(&fixture()).expect("the zygote starts");
        let root = Root::prepare(&cache(), programs).expect("a root");
        Self { jailer, root, folder: tempfile::tempdir().expect("a folder") }
    }

    pub(crate) fn output(&self) -> Output {
        Output::create(self.folder.path()).expect("an output file")
    }

    /// Makes a jail in which `words`, a program's name and its arguments, run.
    pub(crate) async fn start(
        &self,
        level: Level,
        limits: Limits,
        output: Option<&mut Output>,
        words: &[&str],
    ) -> Result<Jail, JailError> {
        let (name, arguments) = words.split_first().expect("a program");
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let task = Task::Program { name, arguments: &arguments };
        self.jailer.run(Order { root: &self.root, task, level, limits, output }).await
    }

    /// Runs the fixture to its end.
    pub(crate) async fn fixture(&self, level: Level, words: &[&str]) -> Finished {
        let words: Vec<&str> = ["fixture"].into_iter().chain(words.iter().copied()).collect();
        self.run(level, LIMITS, None, &words).await
    }

    /// Runs `words` to their end.
    pub(crate) async fn run(
        &self,
        level: Level,
        limits: Limits,
        output: Option<&mut Output>,
        words: &[&str],
    ) -> Finished {
        let jail = self.start(level, limits, output, words).await;
        finish(
            jail.unwrap_or_else(|e| panic!("no jail at {level}: {e}: {:?}", std::error::Error::source(&e))),
        )
        .await
    }
}

/// Reads both streams to their ends and waits for the jail's.
pub(crate) async fn finish(mut jail: Jail) -> Finished {
    let mut stdout = jail.take_stdout().expect("stdout");
    let mut stderr = jail.take_stderr().expect("stderr");
    let (mut said, mut complained) = (Vec::new(), Vec::new());
    let all = async {
        let (exit, _, _) =
            tokio::join!(jail.wait(), stdout.read_to_end(&mut said), stderr.read_to_end(&mut complained));
        exit.expect("an exit")
    };
    let exit = tokio::time::timeout(PATIENCE, all).await.expect("the jail ends");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Finished { exit, stdout: text(said), stderr: text(complained) }
}

impl Finished {
    /// The jail's code, for comparisons; its whole story where it was a signal.
    #[track_caller]
    pub(crate) fn code(&self) -> i32 {
        match self.exit.end {
            End::Code(code) => code,
            End::Signal(signal) => panic!("signal {signal}: {self:?}"),
        }
    }
}

/// The levels that the kernel and the container allow: found without the code under test.
pub(crate) fn levels() -> Vec<Level> {
    let words = ["--user", "--net", "--mount", "true"];
    let namespaces = spawn(Path::new("unshare"), &words).and_then(|mut child| child.wait());
    if !namespaces.expect("util-linux's unshare is here").success() {
        eprintln!("no namespaces here: L1 is not tested");
        return vec![Level::L2];
    }
    vec![Level::L2, Level::L1]
}

pub(crate) fn spawn(program: &Path, arguments: &[&str]) -> std::io::Result<std::process::Child> {
    #[expect(clippy::disallowed_methods, reason = "tests compare with, and kill, processes outside a jail")]
    let mut command = std::process::Command::new(program);
    command.args(arguments).stdout(std::process::Stdio::piped()).spawn()
}

/// The fixture program, which an unprivileged copy of these tests finds elsewhere.
pub(crate) fn fixture() -> PathBuf {
    std::env::var_os("VALET_JAIL_FIXTURE")
        .map_or_else(|| env!("CARGO_BIN_EXE_valet-jail-fixture").into(), PathBuf::from)
}

/// Where roots are kept between tests.
pub(crate) fn cache() -> PathBuf {
    let cache = std::env::var_os("VALET_JAIL_ROOTS")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("roots"), PathBuf::from);
    std::fs::create_dir_all(&cache).expect("a folder for roots");
    cache
}

/// The children of a process, zombies left out.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

/// Whether a process runs; a zombie does not.
pub(crate) fn runs(pid: u32) -> bool {
    parent_of(pid).is_some()
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    if ["Z", "X"].contains(&state) {
        return None;
    }
    fields.next()?.parse().ok()
}

pub(crate) fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("a kill");
}
