//! The one narrow door to ffmpeg and ffprobe: an argument list in; an exit, a breach or bounded bytes out.
//!
//! Each run has a jail of its own, with one input door and at most one output file. It ends within a second of any
//! limit, and at the first thing that it asks of the door and should not; it leaves no process behind, even when
//! its future is dropped. It never sees a grant, and its arguments come from presets alone.

mod error;
mod progress;
mod reading;
mod said;
mod watch;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::unix::pipe;
use tokio::sync::watch as channel;
use valet_jail::{Jail, JailError, Jailer, Level, Order, Output, Root, Task};

use crate::door::{Door, Trip};

pub use error::CodecError;
pub use progress::{Blocks, Progress};
pub use said::{SAID_BYTES_MAX, escape, excerpt};
pub use watch::{Breach, Limits};

use error::{End, judge};
pub(crate) use reading::read_at_most;
use reading::{Reading, read_progress};
use watch::{Signs, Watch};

/// How often the limits are compared with what is seen.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// How long the walls of one jail may take to stand; they take milliseconds.
const JAIL_TIMEOUT: Duration = Duration::from_secs(30);

/// Room above the output limit in the kernel's own file limit, so that the watch sees the breach first and
/// names it; both end the run.
const FILE_BYTES_SLACK: u64 = 64 * 1024 * 1024;

/// A program of the codec's root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Transcodes.
    Ffmpeg,
    /// Describes.
    Ffprobe,
}

impl Program {
    /// Its name in the codec's root, and for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg",
            Self::Ffprobe => "ffprobe",
        }
    }
}

/// Runs codecs, each in a jail of its own.
#[derive(Debug, Clone)]
pub struct Codec {
    /// Makes the jails.
    pub jailer: Jailer,
    /// What is in them to be run.
    pub root: Arc<Root>,
    /// How strong their walls are.
    pub level: Level,
}

/// One run of a program.
#[derive(Debug)]
pub struct Run<'a> {
    /// What to run.
    pub program: Program,
    /// Its arguments, from a preset.
    pub arguments: &'a [String],
    /// What it reads; nothing for a run that reads nothing.
    pub input: Option<&'a Door>,
    /// The one file that it may write, if it may.
    pub output: Option<&'a mut Output>,
    /// A folder on the file system that the output is on.
    pub directory: &'a Path,
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
    /// Runs a program whose standard output is `-progress pipe:1`; its progress is in `progress` as it comes.
    ///
    /// # Errors
    /// [`CodecError`]; by then every process of the run is gone.
    pub async fn encode(
        &self,
        run: Run<'_>,
        progress: &channel::Sender<Progress>,
    ) -> Result<Finished, CodecError> {
        let sender = progress.clone();
        let read = |stdout| read_progress(stdout, sender);
        let (said, ()) = self.run(run, read, &progress.subscribe()).await?;
        Ok(Finished { said, stdout: Vec::new() })
    }

    /// Runs a program and returns what it wrote to its standard output, at most `bytes_max` bytes.
    ///
    /// # Errors
    /// [`CodecError`]; by then every process of the run is gone.
    pub async fn capture(&self, run: Run<'_>, bytes_max: usize) -> Result<Finished, CodecError> {
        let program = run.program.name();
        let read = move |stdout| read_at_most(stdout, bytes_max);
        let (said, stdout) = self.run(run, read, &channel::channel(Progress::default()).1).await?;
        if stdout.len() > bytes_max {
            return Err(CodecError::Answer { program, bytes_max });
        }
        Ok(Finished { said, stdout })
    }

    async fn run<T, F>(
        &self,
        mut run: Run<'_>,
        read: impl FnOnce(pipe::Receiver) -> F,
        progress: &channel::Receiver<Progress>,
    ) -> Result<(String, T), CodecError>
    where
        T: Default + Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let mut started = self.start(&mut run).await?;
        let stdout = started.jail.take_stdout().map(|stdout| Reading::spawn(read(stdout)));
        let end = started.supervise(&run, progress).await;
        started.jail.kill();
        if !matches!(end, End::Exit(_)) {
            let _ = started.jail.wait().await; // killed just now; only its being gone matters
        }
        let said = String::from_utf8_lossy(&Reading::end(started.said).await).into_owned();
        let stdout = Reading::end(stdout).await;
        judge(&run, end, &said).map(|()| (said, stdout))
    }

    async fn start(&self, run: &mut Run<'_>) -> Result<Started, CodecError> {
        let program = run.program.name();
        let order = Order {
            root: &self.root,
            task: Task::Program { name: program, arguments: run.arguments },
            level: self.level,
            limits: kernel_limits(run.limits),
            output: run.output.as_deref_mut(),
        };
        let made = tokio::time::timeout(JAIL_TIMEOUT, self.jailer.run(order)).await;
        let made = made.unwrap_or_else(|_| Err(JailError::Zygote(std::io::ErrorKind::TimedOut.into())));
        let mut jail = made.map_err(|cause| CodecError::Start { program, cause })?;
        let said = jail.take_stderr().map(|stderr| Reading::spawn(said::drain(stderr)));
        // Without a door nobody answers the codec's socket(): it fails, as it should.
        let serving = jail.take_doors().zip(run.input.cloned());
        let serving = serving.map(|(doors, door)| Reading::spawn(async move { door.serve(doors).await }));
        Ok(Started { jail, said, serving })
    }
}

/// The kernel's limits: the net under the watch.
fn kernel_limits(limits: &Limits) -> valet_jail::Limits {
    valet_jail::Limits {
        data_bytes: limits.memory_bytes_max,
        cpu_seconds: limits.cpu_seconds_max.max(1),
        file_bytes: limits.output_bytes_max.saturating_add(FILE_BYTES_SLACK),
    }
}

/// A running jail, the reader of its stderr and the service of its door. Dropping it ends all three.
#[derive(Debug)]
struct Started {
    jail: Jail,
    said: Option<Reading<Vec<u8>>>,
    serving: Option<Reading<()>>,
}

impl Started {
    /// Waits until the codec ends, breaks a limit, or asks for what it should not.
    async fn supervise(&mut self, run: &Run<'_>, progress: &channel::Receiver<Progress>) -> End {
        let mut watch = Watch::start(run.limits, Instant::now());
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        let ended = loop {
            tokio::select! {
                biased;
                trip = tripped(run.input) => return End::Trip(trip),
                exit = self.jail.wait() => break exit,
                _ = look.tick() => {
                    let signs = Signs::look(run, *progress.borrow());
                    if let Err(breach) = watch.check(Instant::now(), signs) {
                        return late(run, breach).map_or(End::Breach(breach), End::Trip);
                    }
                }
            }
        };
        // It may have ended because of what the door refused it; and what it asked for last is still looked at.
        Reading::end(self.serving.take()).await;
        match (run.input.and_then(Door::trip), ended) {
            (Some(trip), _) => End::Trip(trip),
            (None, Ok(exit)) => End::Exit(exit),
            (None, Err(cause)) => End::Lost(cause),
        }
    }
}

/// Why a run broke a limit, if it did because storage let it wait: time that it was not given is not its fault.
fn late(run: &Run<'_>, breach: Breach) -> Option<Trip> {
    run.input?.late(run.limits.wait_to_blame(breach)?)
}

async fn tripped(door: Option<&Door>) -> Trip {
    match door {
        Some(door) => door.tripped().await,
        None => std::future::pending().await,
    }
}
