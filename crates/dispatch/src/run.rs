//! The daemon: connects, waits for the lead, serves the lanes, and stops when told to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use valet_broker::{ConnectError, PublisherOptions, Purpose, Session};
use valet_daemon::health::{Links, Listener};
use valet_daemon::logs::chain;
use valet_daemon::stop::{Phase, Signals, Stop, stop};

use crate::config::Config;
use crate::hands::Hands;
use crate::health::Health;
use crate::reign::Reign;

/// Pause between two tries to reach the broker at start, on top of the broker crate's own.
const CONNECT_INTERVAL: Duration = Duration::from_secs(5);

/// How long closing the connections may take.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// Why the dispatcher ended, other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No signal handlers.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    /// Nobody can be told how the dispatcher is.
    #[error("cannot serve health and metrics")]
    Health(#[source] std::io::Error),
    /// The broker refuses this dispatcher.
    #[error("cannot start on the broker")]
    Connect(#[source] Box<ConnectError>),
}

impl RunError {
    /// What a person should do.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Signals(_) | Self::Health(_) => "see what limits this process".to_owned(),
            Self::Connect(cause) => cause.advice(),
        }
    }

    /// The process's exit code: 69 the broker, 70 the rest.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Connect(_) => 69,
            Self::Signals(_) | Self::Health(_) => 70,
        }
    }
}

/// Runs until told to stop; tells on `listener` how it is.
///
/// # Errors
/// [`RunError`] when it cannot start.
pub async fn run(config: Config, listener: Option<Listener>) -> Result<(), RunError> {
    let signals = Signals::listen().map_err(RunError::Signals)?;
    let (stopper, stop) = stop();
    let grace = config.grace;
    let mut followers = JoinSet::new();
    followers.spawn(async move { signals.drive(&stopper, grace).await });
    let health = Health::default();
    if let Some(listener) = listener {
        listener.serve(health.clone()).map_err(RunError::Health)?;
    }
    let Some(session) = connect(&config, &stop).await? else { return Ok(()) };
    health.link(Links::of(&session));
    let hands = Arc::new(hands(&config, &session, &health));
    tokio::select! {
        () = serve(&config, &session, &hands, &health, &stop) => {}
        () = stop.reached(Phase::Ending) => {}
    }
    // What was not acked goes back with the connection, to whoever leads next.
    let _ = tokio::time::timeout(CLOSE_PATIENCE, session.close()).await;
    tracing::info!("ended");
    Ok(())
}

/// Leads whenever it may, until told to stop.
async fn serve(config: &Config, session: &Session, hands: &Arc<Hands>, health: &Health, stop: &Stop) {
    loop {
        tracing::info!("waiting for the lead");
        let lead = tokio::select! {
            () = stop.reached(Phase::Draining) => return,
            lead = session.lead() => lead,
        };
        let Some(lead) = lead else { return };
        tracing::info!("leading: the lanes are served");
        let reign = Reign::new(session.clone(), hands.clone(), health.clone(), config.prefetch);
        let over = async {
            tokio::select! {
                () = stop.reached(Phase::Draining) => health.drain(),
                cause = lead.lost() => tracing::warn!(cause, "lost the lead"),
            }
        };
        reign.run(over).await;
        health.lead(false);
        hands.metrics.note(false, 0);
        lead.release().await;
    }
}

fn hands(config: &Config, session: &Session, health: &Health) -> Hands {
    Hands {
        jobs: session.publisher(),
        letters: session.publisher_with(PublisherOptions::default()),
        policy: config.policy.clone(),
        name: config.name.clone(),
        metrics: health.metrics().clone(),
        paced: Mutex::new(BTreeMap::new()),
        sent: Mutex::new(VecDeque::new()),
    }
}

/// The session, however long the broker is away; none when told to stop first.
async fn connect(config: &Config, stop: &Stop) -> Result<Option<Session>, RunError> {
    loop {
        let connecting = Session::connect(config.broker.clone(), Purpose::Dispatcher);
        let error = tokio::select! {
            () = stop.reached(Phase::Draining) => return Ok(None),
            connected = connecting => match connected {
                Ok(session) => return Ok(Some(session)),
                Err(error) => error,
            },
        };
        if !error.is_transient() {
            return Err(RunError::Connect(Box::new(error)));
        }
        tracing::warn!(
            error = chain(&error),
            advice = error.advice(),
            "the broker cannot be reached, trying again"
        );
        tokio::select! {
            () = stop.reached(Phase::Draining) => return Ok(None),
            () = tokio::time::sleep(CONNECT_INTERVAL) => {}
        }
    }
}
