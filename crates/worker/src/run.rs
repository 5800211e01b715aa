//! The daemon: sets up what all jobs share, runs the slots, stops when told to.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use valet_blob::http;
use valet_broker::{ConnectError, FeedOptions, Purpose, Session};

use crate::config::Config;
use crate::job::Worker;
use crate::logs::chain;
use crate::media::Tools;
use crate::scratch::Scratch;
use crate::slot::Slot;
use crate::stop::{Phase, Signals, Stop, stop};
use crate::walls::Walls;

/// Pause between two tries to reach the broker at start, on top of the broker crate's own.
const CONNECT_INTERVAL: Duration = Duration::from_secs(5);

/// Why the worker ended, other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No signal handlers.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    /// The process that makes jails is gone, and cannot be had again: its maker is walled in by now.
    #[error("the process that makes jails has ended")]
    Jailer,
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
            Self::Jailer => {
                "start the worker again; the log says what ended it, most often a lack of memory".to_owned()
            }
            Self::Client(cause) => cause.advice().to_owned(),
            Self::Connect(cause) => cause.advice(),
        }
    }

    /// The process's exit code: 69 the broker, 70 the rest.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Connect(_) => 69,
            Self::Signals(_) | Self::Client(_) | Self::Jailer => 70,
        }
    }
}

/// Runs until told to stop.
///
/// # Errors
/// [`RunError`] when it cannot start.
pub async fn run(config: Config, scratch: Scratch, walls: Walls) -> Result<(), RunError> {
    let signals = Signals::listen().map_err(RunError::Signals)?;
    let (stopper, stop) = stop();
    let grace = config.grace;
    tokio::spawn(async move { signals.drive(&stopper, grace).await });

    let jailer = walls.codec.jailer.clone();
    let worker = Arc::new(set_up(&config, scratch, walls).map_err(RunError::Client)?);
    let Some(session) = connect(&config, &stop).await? else { return Ok(()) };
    log_start(&config, &worker);

    let ended = tokio::select! {
        () = run_slots(&config, &worker, &session, &stop) => Ok(()),
        // Its jobs go back to the queue as their slots are dropped.
        () = jailer.ended() => Err(RunError::Jailer),
    };
    session.close().await;
    tracing::info!("ended");
    ended
}

fn set_up(config: &Config, scratch: Scratch, walls: Walls) -> Result<Worker, http::ClientError> {
    let client = http::Client::new(http::Egress::new(config.grants.hosts.clone()))?;
    let tools = Tools { codec: walls.codec.clone(), threads: threads(config.slots) };
    Ok(Worker {
        name: config.name.as_str().into(),
        publishers: config.publishers.clone(),
        grants: config.grants.clone(),
        limits: config.limits.clone(),
        client,
        scratch,
        tools,
        walls,
    })
}

/// Each slot its share of the processors.
fn threads(slots: usize) -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(processors / slots.max(1)).unwrap_or(u32::MAX).max(1)
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
        codec = worker.walls.codec_version,
        jail = %worker.walls.codec.level,
        attempts_refused = worker.walls.attempts,
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
