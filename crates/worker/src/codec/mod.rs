//! The one narrow door to ffmpeg and ffprobe: an argument list in; an exit, a breach or bounded bytes out.
//!
//! A run gets an empty environment, no stdin, its own process group and its own limits. It ends within a second
//! of any limit, and leaves no process behind, even when its future is dropped. It never sees a grant, and its
//! arguments come from presets alone. `jail` takes the place of this module's inside when it comes.

mod error;
mod group;
mod launch;
mod progress;
mod said;
mod watch;

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::sync::watch as channel;
use tokio::task::{JoinError, JoinHandle};

pub use error::CodecError;
pub use launch::{EXIT_LAUNCH, WORD as LAUNCH_WORD, launch};
pub use progress::{Blocks, Progress};
pub use said::{SAID_BYTES_MAX, escape, excerpt};
pub use watch::{Breach, Limits};

use error::{judge, name};
use group::Group;
use launch::Terms;
use watch::{Lookout, Watch};

/// How often the limits are compared with what is seen.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// How long the pipes of an ended codec may still give bytes. A process that escaped the group could hold
/// them open for ever: never wait for their end alone.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Private memory of one run, in bytes. The heaviest preset took 1.8 GiB at 32 threads.
const MEMORY_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Room above the output limit in the kernel's own file limit, so that the watch sees the breach first and
/// names it; both end the run.
const FILE_BYTES_SLACK: u64 = 64 * 1024 * 1024;

/// Starts codecs.
#[derive(Debug, Clone)]
pub struct Codec {
    launcher: PathBuf,
}

/// One run of a program.
#[derive(Debug)]
pub struct Run<'a> {
    /// ffmpeg or ffprobe.
    pub program: &'a Path,
    /// Its arguments, from a preset.
    pub arguments: &'a [String],
    /// Working directory: the job's scratch.
    pub directory: &'a Path,
    /// The file that the run writes and that is watched, if it writes one.
    pub output: Option<&'a Path>,
    /// What it may use.
    pub limits: &'a Limits,
}

/// A run that ended with exit code 0.
#[derive(Debug)]
pub struct Finished {
    /// The last [`SAID_BYTES_MAX`] bytes of its stderr, as text; raw, so see [`excerpt`] before showing it.
    pub said: String,
    /// Its standard output, of a captured run.
    pub stdout: Vec<u8>,
}

impl Codec {
    /// A codec started through `launcher`, which is the `valet-worker` binary.
    #[must_use]
    pub fn new(launcher: PathBuf) -> Self {
        Self { launcher }
    }

    /// Runs a program whose standard output is `-progress pipe:1`; its progress is in `progress` as it comes.
    ///
    /// # Errors
    /// [`CodecError`]; by then every process of the run is gone.
    pub async fn encode(
        &self,
        run: &Run<'_>,
        progress: &channel::Sender<Progress>,
    ) -> Result<Finished, CodecError> {
        let mut started = self.start(run)?;
        let sender = progress.clone();
        let reading = started.read_stdout(|stdout| read_progress(stdout, sender));
        let (said, ()) = started.finish(run, reading, &progress.subscribe()).await?;
        Ok(Finished { said, stdout: Vec::new() })
    }

    /// Runs a program and returns what it wrote to its standard output, at most `bytes_max` bytes.
    ///
    /// # Errors
    /// [`CodecError`]; by then every process of the run is gone.
    pub async fn capture(&self, run: &Run<'_>, bytes_max: usize) -> Result<Finished, CodecError> {
        let mut started = self.start(run)?;
        let reading = started.read_stdout(move |stdout| read_at_most(stdout, bytes_max));
        let (said, stdout) = started.finish(run, reading, &channel::channel(Progress::default()).1).await?;
        if stdout.len() > bytes_max {
            return Err(CodecError::Answer { program: name(run.program), bytes_max });
        }
        Ok(Finished { said, stdout })
    }

    fn start(&self, run: &Run<'_>) -> Result<Started, CodecError> {
        let failed = |cause| CodecError::Start { program: name(run.program), cause };
        let mut command = self.command(run);
        let mut child = command.spawn().map_err(failed)?;
        let pid = child.id().ok_or_else(|| failed(std::io::Error::other("it ended at once")))?;
        let group = Group::led_by(pid);
        let stderr = child.stderr.take().ok_or_else(|| failed(std::io::Error::other("it has no stderr")))?;
        let said = Reading::spawn(said::drain(stderr));
        Ok(Started { child, pid, group, said })
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "this is the codec module: the one place that runs a program"
    )]
    fn command(&self, run: &Run<'_>) -> Command {
        let mut command = Command::new(&self.launcher);
        command
            .args(terms(run.limits).to_arguments())
            .arg(run.program)
            .args(run.arguments)
            .current_dir(run.directory)
            .env_clear()
            .env("LC_ALL", "C")
            // One heap per thread would be counted as memory that nobody uses.
            .env("MALLOC_ARENA_MAX", "2")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

fn terms(limits: &Limits) -> Terms {
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    Terms {
        worker_pid: std::process::id(),
        file_bytes_max: limits.output_bytes_max.saturating_add(FILE_BYTES_SLACK),
        memory_bytes_max: MEMORY_BYTES_MAX,
        cpu_seconds_max: (limits.wall.as_secs() + 1).saturating_mul(processors),
    }
}

/// A child and the readers of its pipes. Dropping it kills the whole group.
#[derive(Debug)]
struct Started {
    child: Child,
    pid: u32,
    group: Group,
    said: Reading<Vec<u8>>,
}

impl Started {
    /// Reads the standard output in a task of its own, so that a full pipe never stops the codec.
    fn read_stdout<T, F>(&mut self, read: impl FnOnce(tokio::process::ChildStdout) -> F) -> Option<Reading<T>>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.child.stdout.take().map(|stdout| Reading::spawn(read(stdout)))
    }

    /// Waits until the codec ends or breaks a limit, and judges how it ended.
    async fn finish<T: Default>(
        mut self,
        run: &Run<'_>,
        stdout: Option<Reading<T>>,
        progress: &channel::Receiver<Progress>,
    ) -> Result<(String, T), CodecError> {
        let ended = self.supervise(run, progress).await;
        self.group.kill();
        if ended.is_err() {
            let _ = self.child.wait().await; // killed just now; this reaps it
        }
        let said = String::from_utf8_lossy(&self.said.end().await).into_owned();
        let stdout = match stdout {
            Some(reading) => reading.end().await,
            None => T::default(),
        };
        judge(run, ended, &said).map(|()| (said, stdout))
    }

    async fn supervise(
        &mut self,
        run: &Run<'_>,
        progress: &channel::Receiver<Progress>,
    ) -> Result<std::io::Result<ExitStatus>, Breach> {
        let lookout = Lookout {
            pid: self.pid,
            output: run.output.map(Path::to_owned),
            directory: run.directory.to_owned(),
        };
        let mut watch = Watch::start(run.limits, Instant::now());
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        loop {
            tokio::select! {
                biased;
                status = self.child.wait() => return Ok(status),
                _ = look.tick() => {
                    let last = *progress.borrow();
                    watch.check(Instant::now(), lookout.look(last))?;
                }
            }
        }
    }
}

/// A task that reads a pipe; it is stopped when this is dropped.
#[derive(Debug)]
struct Reading<T>(JoinHandle<T>);

impl<T: Send + 'static> Reading<T> {
    fn spawn(read: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(read))
    }
}

impl<T: Default> Reading<T> {
    /// What was read; nothing when the pipe is still open after [`DRAIN_TIMEOUT`].
    async fn end(mut self) -> T {
        let ended: Result<Result<T, JoinError>, _> = tokio::time::timeout(DRAIN_TIMEOUT, &mut self.0).await;
        ended.ok().and_then(Result::ok).unwrap_or_default()
    }
}

impl<T> Drop for Reading<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reads progress blocks until the pipe ends.
async fn read_progress(mut stdout: impl AsyncRead + Unpin, progress: channel::Sender<Progress>) {
    let (mut blocks, mut buffer) = (Blocks::default(), [0; 4 * 1024]);
    while let Ok(count @ 1..) = stdout.read(&mut buffer).await {
        if let Some(block) = blocks.push(&buffer[..count]) {
            progress.send_replace(block);
        }
    }
}

/// Reads all, keeps at most one byte more than `bytes_max`: enough to know that it was too much.
async fn read_at_most(mut stdout: impl AsyncRead + Unpin, bytes_max: usize) -> Vec<u8> {
    let (mut kept, mut buffer) = (Vec::new(), [0; 8 * 1024]);
    while let Ok(count @ 1..) = stdout.read(&mut buffer).await {
        let room = (bytes_max + 1).saturating_sub(kept.len());
        kept.extend_from_slice(&buffer[..count.min(room)]);
    }
    kept
}
