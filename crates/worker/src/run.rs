//! The daemon: sets up what all jobs share, runs the slots, stops when told to.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use valet_blob::http;
use valet_broker::{ConnectError, LogError, Purpose, Session};
use valet_daemon::health::{self, Links};
use valet_grant::HostRules;
use valet_settings::EXIT_CONFIG;

use crate::cancels::{self, Cancels};
use crate::config::Config;
use crate::eviction::{self, Announced};
use crate::gate::{Gate, Outages, Reason, follow_links, room};
use crate::health::Health;
use crate::job::Worker;
use crate::keep::{first_lost, keep_up};
use crate::logs::chain;
use crate::media::Tools;
use crate::memo::Memo;
use crate::metrics::Metrics;
use crate::scratch::Scratch;
use crate::slot::Slot;
use crate::stop::{Phase, Signals, Stop, stop};
use crate::terms::{Terms, TermsWatch};
use crate::undertaker::Undertaker;
use crate::walls::Walls;

/// Pause between two tries to reach the broker at start, on top of the broker crate's own.
const CONNECT_INTERVAL: Duration = Duration::from_secs(5);

/// Pause before a slot or the undertaker is started anew.
const RESTART_PAUSE: Duration = Duration::from_secs(5);

/// How long handing back may take once the worker must end.
const END_PATIENCE: Duration = Duration::from_millis(1_500);

/// How long closing the connections may take then.
const CLOSE_PATIENCE: Duration = Duration::from_millis(500);

/// Why the worker ended, other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No signal handlers.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    /// The process that makes jails is gone, and cannot be had again: its maker is walled in by now.
    #[error("the process that makes jails has ended")]
    Jailer,
    /// Nobody looks any more at what decides whether jobs may be taken, or at when to stop.
    #[error("a part of the worker that all slots need has ended")]
    Follower,
    /// Nobody can be told how the worker is.
    #[error("cannot serve health and metrics")]
    Health(#[source] std::io::Error),
    /// No HTTPS.
    #[error("cannot reach storage")]
    Client(#[source] http::ClientError),
    /// The broker refuses this worker.
    #[error("cannot start on the broker")]
    Connect(#[source] Box<ConnectError>),
    /// The broker takes jobs back before they can be done.
    #[error("{}, but the broker takes a job back after {} s", longest(*wall_seconds_max), terms.consumer_timeout.as_secs())]
    Timeout {
        /// The longest that a job may run here, if there is a limit of the worker's own.
        wall_seconds_max: Option<u32>,
        /// What the broker was declared to.
        terms: Terms,
        /// What to change.
        advice: String,
    },
    /// Orders to cancel jobs cannot be read, and without them no job may be taken.
    #[error("cannot read the orders to cancel jobs")]
    Orders(#[source] LogError),
}

impl RunError {
    /// What a person should do.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Signals(_) | Self::Health(_) => "see what limits this process".to_owned(),
            Self::Jailer => {
                "start the worker again; the log says what ended it, most often a lack of memory".to_owned()
            }
            Self::Follower => "start the worker again, and please report the lines above".to_owned(),
            Self::Client(cause) => cause.advice().to_owned(),
            Self::Connect(cause) => cause.advice(),
            Self::Timeout { advice, .. } => advice.clone(),
            Self::Orders(cause) => cause.advice().to_owned(),
        }
    }

    /// The process's exit code: 64 the settings, 69 the broker, 70 the rest.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Timeout { .. } => EXIT_CONFIG as u8,
            Self::Connect(_) | Self::Orders(_) => 69,
            Self::Signals(_) | Self::Health(_) | Self::Client(_) | Self::Jailer | Self::Follower => 70,
        }
    }
}

fn longest(wall_seconds_max: Option<u32>) -> String {
    match wall_seconds_max {
        Some(seconds) => format!("jobs may run for {seconds} s (worker.wall_seconds_max)"),
        None => "even the shortest job takes some time to be stored and settled".to_owned(),
    }
}

/// Runs until told to stop; tells on `listener` how it is. Says how far stopping had come then.
///
/// # Errors
/// [`RunError`] when it cannot start.
pub async fn run(
    mut config: Config,
    scratch: Scratch,
    walls: Walls,
    listener: Option<health::Listener>,
) -> Result<Phase, RunError> {
    let signals = Signals::listen().map_err(RunError::Signals)?;
    let (stopper, stop) = stop();
    let grace = config.grace;
    let gate = Gate::default();
    let mut followers = JoinSet::new();
    let evicted = eviction::watch(&config, &gate, &stopper, &mut followers);
    followers.spawn(async move { signals.drive(&stopper, grace).await });

    let jailer = walls.codec.jailer.clone();
    let worker = Arc::new(set_up(&mut config, scratch, walls, &gate).map_err(RunError::Client)?);
    let health = Health::new(gate.clone(), &worker, config.slots);
    if let Some(listener) = listener {
        listener.serve(health.clone()).map_err(RunError::Health)?;
    }
    let Some(session) = connect(&config, &stop).await? else {
        let_go(evicted).await;
        return Ok(stop.phase());
    };
    let terms = terms(&config, &session)?;
    let following = cancels::follow(session.orders(), worker.cancels.clone());
    health.link(Links::of(&session));
    followers.spawn(follow_links(gate.clone(), session.publish_state(), session.consume_state()));
    room::look(&gate, &worker.scratch);
    followers.spawn(room::follow_room(gate.clone(), worker.scratch.clone()));
    followers.spawn(worker.outages.clone().follow());
    followers.spawn(close_at_stop(gate.clone(), stop.clone()));
    let lent =
        Lent { worker: &worker, session: &session, gate: &gate, health: &health, stop: &stop, terms: &terms };
    let ended = tokio::select! {
        () = lent.work(&config) => Ok(()),
        // Their jobs go back to the queue as the slots are dropped.
        () = jailer.ended() => Err(RunError::Jailer),
        () = first_lost(&mut followers, &stop) => Err(RunError::Follower),
        error = following => Err(RunError::Orders(error)),
        () = overdue(&stop) => Ok(()),
    };
    // Before the connections: the machine may go as soon as its jobs are done or handed back.
    let_go(evicted).await;
    close(&session, &stop).await;
    tracing::info!("ended");
    ended.map(|()| stop.phase())
}

/// Says that this machine may go, if it has been announced that it will.
async fn let_go(evicted: Option<oneshot::Receiver<Announced>>) {
    if let Some(announced) = evicted.and_then(|mut evicted| evicted.try_recv().ok()) {
        announced.acknowledge().await;
    }
}

/// Whoever looks at the gate sees that the worker is about to stop.
async fn close_at_stop(gate: Gate, stop: Stop) {
    stop.reached(Phase::Draining).await;
    gate.close(Reason::Draining);
}

/// The broker's terms, if the longest job fits into them.
fn terms(config: &Config, session: &Session) -> Result<TermsWatch, RunError> {
    let numbers = session.numbers();
    if numbers.is_none() {
        let advice = "declare the topology with this version's `valet topology declare`";
        tracing::warn!(advice, "the broker does not say how it was declared: taking RabbitMQ's own limits");
    }
    let terms = Terms::of(&numbers.unwrap_or_default());
    let wall_seconds_max = config.limits.wall_seconds_max;
    // Without a limit of its own a worker takes what fits, if anything does.
    let fits = terms.require_fit(Duration::from_secs(wall_seconds_max.unwrap_or(1).into()));
    fits.map(|()| TermsWatch::new(session.numbers_watch())).map_err(|advice| RunError::Timeout {
        wall_seconds_max,
        terms,
        advice,
    })
}

/// Ends some moments after the worker had to: what has not been handed back by then goes back with the connection.
async fn overdue(stop: &Stop) {
    stop.reached(Phase::Ending).await;
    tokio::time::sleep(END_PATIENCE).await;
    tracing::debug!("ending without the broker's answers");
}

async fn close(session: &Session, stop: &Stop) {
    if stop.phase() < Phase::Ending {
        return session.close().await;
    }
    // The broker may be why we end.
    let _ = tokio::time::timeout(CLOSE_PATIENCE, session.close()).await;
}

fn set_up(
    config: &mut Config,
    scratch: Scratch,
    walls: Walls,
    gate: &Gate,
) -> Result<Worker, http::ClientError> {
    let mut egress = http::Egress::new(config.grants.hosts.clone());
    egress.nameservers.clone_from(&config.nameservers);
    let client = http::Client::new(egress)?;
    let outages = Outages::new(gate.clone(), client.clone());
    let metrics = Metrics::new(walls.codec.level.to_string(), walls.codec_version.clone());
    let tools = Tools { codec: walls.codec.clone(), threads: threads(config.slots) };
    Ok(Worker {
        name: config.name.as_str().into(),
        publishers: config.publishers.clone(),
        grants: config.grants.clone(),
        fleet: std::mem::take(&mut config.fleet),
        limits: config.limits.clone(),
        client,
        scratch,
        tools,
        walls,
        memo: Memo::default(),
        cancels: Cancels::default(),
        metrics,
        outages,
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
        connected = keep_connecting(config) => connected.map(Some).map_err(|error| RunError::Connect(Box::new(error))),
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

fn log_start(config: &Config, worker: &Worker, terms: &Terms) {
    warn_of_open_hosts(&config.grants.hosts);
    tracing::info!(
        worker = config.name,
        broker = config.broker.address(),
        slots = config.slots,
        threads = worker.tools.threads,
        scratch = %worker.scratch.directory().display(),
        codec = worker.walls.codec_version,
        jail = %worker.walls.codec.level,
        attempts_refused = worker.walls.attempts,
        wall_seconds_max = config.limits.wall_seconds_max.unwrap_or(terms.wall_seconds_max()),
        "taking jobs"
    );
}

/// Each wall that is lowered for emulators is told once.
fn warn_of_open_hosts(hosts: &HostRules) {
    if hosts.loopback {
        tracing::warn!(
            "storage.loopback lets jobs reach this machine, also with plain http; for emulators only, never in production"
        );
    }
    if !hosts.development.is_empty() {
        let names = hosts.development.iter().map(|host| host.as_str()).collect::<Vec<_>>().join(", ");
        tracing::warn!(
            hosts = names,
            "storage.development_hosts permits plain http to these hosts, and private addresses; for emulators only, never in production"
        );
    }
}

/// What jobs are done with.
#[derive(Clone, Copy)]
struct Lent<'a> {
    worker: &'a Arc<Worker>,
    session: &'a Session,
    gate: &'a Gate,
    health: &'a Health,
    stop: &'a Stop,
    terms: &'a TermsWatch,
}

impl Lent<'_> {
    /// Takes jobs, and files what the broker ended, until told to stop.
    async fn work(self, config: &Config) {
        let caught_up = self.worker.cancels.caught_up();
        tokio::select! {
            () = self.stop.reached(Phase::Draining) => return,
            // A job that is cancelled already must not be begun.
            () = caught_up => self.gate.open(Reason::Starting),
        }
        log_start(config, self.worker, &self.terms.now());
        tokio::join!(self.run_slots(config), self.file_ended(config));
        self.session.publisher().flush().await;
    }

    /// Runs all slots to their end.
    async fn run_slots(self, config: &Config) {
        let start = || {
            let slot = Slot {
                worker: self.worker.clone(),
                publisher: self.session.publisher(),
                gate: self.gate.clone(),
                stop: self.stop.clone(),
                terms: self.terms.clone(),
            };
            let (alive, session) = (self.health.slot(), self.session.clone());
            async move {
                let _alive = alive;
                // A job's whole way is in it.
                Box::pin(slot.run(session)).await;
            }
        };
        let slots = (0..config.slots).map(|_| keep_up("a slot", RESTART_PAUSE, self.stop, start));
        futures::future::join_all(slots).await;
    }

    async fn file_ended(self, config: &Config) {
        let start = || {
            let undertaker = Undertaker {
                worker: self.worker.clone(),
                publisher: self.session.publisher(),
                stop: self.stop.clone(),
                terms: self.terms.clone(),
            };
            undertaker.run(self.session.ended_feed(config.name.as_str()))
        };
        keep_up("the undertaker", RESTART_PAUSE, self.stop, start).await;
    }
}
