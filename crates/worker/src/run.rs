//! The daemon: sets up what all jobs share, runs the slots, stops when told to.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use valet_blob::http;
use valet_broker::{ConnectError, FeedOptions, Purpose, Session};

use crate::codec::{Codec, CodecError, Limits, Run};
use crate::config::Config;
use crate::job::Worker;
use crate::logs::chain;
use crate::media::Tools;
use crate::scratch::{Scratch, ScratchError};
use crate::slot::Slot;
use crate::stop::{Phase, Signals, Stop, stop};

/// Pause between two tries to reach the broker at start, on top of the broker crate's own.
const CONNECT_INTERVAL: Duration = Duration::from_secs(5);

/// The worker's own binary, by a name that stays right when the file is replaced while it runs.
const SELF: &str = "/proc/self/exe";

/// Why the worker ended, other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No signal handlers.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    /// No scratch.
    #[error("cannot set up scratch")]
    Scratch(#[source] ScratchError),
    /// ffmpeg does not run.
    #[error("cannot run {}", program.display())]
    Codec {
        /// The program.
        program: PathBuf,
        /// What went wrong.
        #[source]
        cause: CodecError,
    },
    /// No HTTPS.
    #[error("cannot reach storage")]
    Client(#[source] http::ClientError),
    /// The broker refuses this worker.
    #[error("cannot start on the broker")]
    Connect(#[source] ConnectError),
}

impl RunError {
    /// What a person should do.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Signals(_) => "see what limits this process".to_owned(),
            Self::Scratch(cause) => cause.advice().to_owned(),
            Self::Codec { .. } => "install ffmpeg, or set worker.ffmpeg and worker.ffprobe".to_owned(),
            Self::Client(cause) => cause.advice().to_owned(),
            Self::Connect(cause) => cause.advice(),
        }
    }

    /// The process's exit code: 64 what settings can mend, 69 the broker, 70 the rest.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Scratch(_) | Self::Codec { .. } => 64,
            Self::Connect(_) => 69,
            Self::Signals(_) | Self::Client(_) => 70,
        }
    }
}

/// Runs until told to stop.
///
/// # Errors
/// [`RunError`] when it cannot start.
pub async fn run(config: Config) -> Result<(), RunError> {
    let signals = Signals::listen().map_err(RunError::Signals)?;
    let (stopper, stop) = stop();
    let grace = config.grace;
    tokio::spawn(async move { signals.drive(&stopper, grace).await });

    let scratch = Scratch::open(&config.scratch).map_err(RunError::Scratch)?;
    let worker = Arc::new(set_up(&config, scratch).await?);
    let Some(session) = connect(&config, &stop).await? else { return Ok(()) };
    log_start(&config, &worker);

    run_slots(&config, &worker, &session, &stop).await;
    session.close().await;
    tracing::info!("ended");
    Ok(())
}

async fn set_up(config: &Config, scratch: Scratch) -> Result<Worker, RunError> {
    let codec = Codec::new(SELF.into());
    let codec_version = version(&codec, &config.ffmpeg, scratch.directory()).await?;
    version(&codec, &config.ffprobe, scratch.directory()).await?;
    let client =
        http::Client::new(http::Egress::new(config.grants.hosts.clone())).map_err(RunError::Client)?;
    Ok(Worker {
        name: config.name.as_str().into(),
        publishers: config.publishers.clone(),
        grants: config.grants.clone(),
        limits: config.limits.clone(),
        client,
        scratch,
        tools: Tools {
            codec,
            ffmpeg: config.ffmpeg.clone(),
            ffprobe: config.ffprobe.clone(),
            threads: threads(config.slots),
        },
        codec_version,
    })
}

/// Each slot its share of the processors.
fn threads(slots: usize) -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(processors / slots.max(1)).unwrap_or(u32::MAX).max(1)
}

/// `ffmpeg 5.1.9`: proves that the program runs at all, with its libraries and within our limits.
async fn version(codec: &Codec, program: &Path, directory: &Path) -> Result<String, RunError> {
    let second = Duration::from_secs(1);
    let limits = Limits { wall: 10 * second, stall: 10 * second, output_bytes_max: 0, free_bytes_min: 0 };
    let arguments = ["-version".to_owned()];
    let run = Run { program, arguments: &arguments, directory, output: None, limits: &limits };
    let failed = |cause| RunError::Codec { program: program.to_owned(), cause };
    let finished = codec.capture(&run, 64 * 1024).await.map_err(failed)?;
    let said = String::from_utf8_lossy(&finished.stdout).into_owned();
    let words: Vec<&str> = said.split_whitespace().take(3).collect();
    match words.as_slice() {
        [name, "version", version] => Ok(format!("{name} {version}")),
        _ => Ok("ffmpeg of an unknown version".to_owned()),
    }
}

/// Connects, for as long as it takes while the broker is only away; nothing when told to stop meanwhile.
async fn connect(config: &Config, stop: &Stop) -> Result<Option<Session>, RunError> {
    tokio::select! {
        () = stop.reached(Phase::Draining) => Ok(None),
        connected = keep_connecting(config) => connected.map(Some).map_err(RunError::Connect),
    }
}

async fn keep_connecting(config: &Config) -> Result<Session, ConnectError> {
    loop {
        match Session::connect(config.broker.clone(), Purpose::Worker).await {
            Err(error) if error.is_transient() => {
                let advice = error.advice();
                tracing::warn!(error = chain(&error), advice, "the broker cannot be reached; trying again");
                tokio::time::sleep(CONNECT_INTERVAL).await;
            }
            ended => return ended,
        }
    }
}

fn log_start(config: &Config, worker: &Worker) {
    let emulators = &config.grants.hosts.development;
    if !emulators.is_empty() {
        let hosts = emulators.iter().map(|host| host.as_str()).collect::<Vec<_>>().join(", ");
        tracing::warn!(
            hosts,
            "storage.development_hosts permits plain http to these hosts; for emulators only"
        );
    }
    tracing::info!(
        worker = config.name,
        broker = config.broker.address(),
        slots = config.slots,
        threads = worker.tools.threads,
        scratch = %worker.scratch.directory().display(),
        codec = worker.codec_version,
        wall_seconds_max = config.limits.wall_seconds_max,
        "taking jobs"
    );
}

/// Runs all slots to their end. One that panics is started anew: its job goes back by itself, and a message that
/// does it each time ends at the broker's delivery limit.
async fn run_slots(config: &Config, worker: &Arc<Worker>, session: &Session, stop: &Stop) {
    let publisher = session.publisher();
    let mut slots = JoinSet::new();
    let start = |slots: &mut JoinSet<()>| {
        let slot = Slot { worker: worker.clone(), publisher: publisher.clone(), stop: stop.clone() };
        slots.spawn(slot.run(session.feed(FeedOptions::new(config.name.as_str()))));
    };
    (0..config.slots).for_each(|_| start(&mut slots));
    while let Some(ended) = slots.join_next().await {
        if ended.is_err() && stop.phase() == Phase::Running {
            tracing::error!("a slot failed from within and is started anew; please report the lines above");
            start(&mut slots);
        }
    }
    publisher.flush().await;
}
