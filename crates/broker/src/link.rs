//! One supervised connection: connect, watch, lose, back off, connect again, for ever.
//!
//! Everything built on a connection asks its link for a channel, and is told through
//! [`Link::lost`] when that channel's connection is gone. Nothing here ever waits without a limit,
//! and nothing is ever "recovered": a lost connection is dropped and made anew.

use crate::{
    BrokerConfig, ConnectError,
    backoff::Backoff,
    connect::{Connected, connect},
    token,
};
use futures::StreamExt;
use lapin::{Channel, Connection, Event};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

/// Limit for one round trip on a live connection (open a channel, qos, cancel, …).
pub(crate) const RPC: Duration = Duration::from_secs(10);
/// How long a polite close may take before the connection is dropped.
const CLOSE: Duration = Duration::from_secs(2);
/// How often a connection's own status is looked at, in case its last event was missed.
const LOOK: Duration = Duration::from_secs(1);

/// What a connection is doing. Watch it for readiness and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Trying to connect.
    Connecting {
        /// Attempts since the connection was last up, from 1.
        attempt: u32,
        /// Why the last attempt or connection ended.
        cause: String,
    },
    /// Connected.
    Up,
    /// Connected, but the broker takes no publishes for now (memory or disk alarm).
    Blocked {
        /// The broker's words.
        reason: String,
    },
    /// Closed by us.
    Closed,
}

/// The session was closed: there will be no connection any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closed;

/// A channel and the connection generation that it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) channel: Channel,
    pub(crate) generation: u64,
}

/// A handle on one supervised connection. The connection is closed when the last handle goes.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    config: Arc<BrokerConfig>,
    state: watch::Receiver<LinkState>,
    current: watch::Receiver<Current>,
    warning: watch::Receiver<Option<String>>,
    orders: mpsc::Sender<Order>,
}

#[derive(Clone, Debug)]
enum Current {
    Down,
    Up { generation: u64, connection: Arc<Connection> },
    Closed,
}

#[derive(Debug)]
enum Order {
    /// This generation does not answer any more.
    Suspect {
        generation: u64,
        why: &'static str,
    },
    Close,
}

impl Link {
    /// Connects, trying again within the start patience while the broker cannot be reached.
    pub(crate) async fn start(config: Arc<BrokerConfig>, role: &'static str) -> Result<Self, ConnectError> {
        let Connected { connection, token } = connect_first(&config, role).await?;
        let connection = Arc::new(connection);
        let (warning, warning_seen) = watch::channel(None);
        let (state, state_seen) = watch::channel(LinkState::Up);
        let (current, current_seen) =
            watch::channel(Current::Up { generation: 1, connection: connection.clone() });
        let (orders, orders_in) = mpsc::channel(16);
        let supervisor = Supervisor {
            config: config.clone(),
            role,
            state,
            current,
            warning,
            orders: orders_in,
            generation: 1,
            token,
        };
        tokio::spawn(supervisor.run(connection));
        Ok(Self { config, state: state_seen, current: current_seen, warning: warning_seen, orders })
    }

    pub(crate) fn config(&self) -> &BrokerConfig {
        &self.config
    }

    pub(crate) fn states(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    /// What is wrong with the login's token, as long as something is.
    pub(crate) fn warnings(&self) -> watch::Receiver<Option<String>> {
        self.warning.clone()
    }

    /// Does the login end by itself?
    pub(crate) fn has_token(&self) -> bool {
        self.config.token.is_some()
    }

    pub(crate) fn is_blocked(&self) -> bool {
        matches!(*self.state.borrow(), LinkState::Blocked { .. })
    }

    /// Is this generation still the live connection?
    pub(crate) fn is_up(&self, generation: u64) -> bool {
        matches!(*self.current.borrow(), Current::Up { generation: live, .. } if live == generation)
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(*self.current.borrow(), Current::Closed)
    }

    /// A fresh channel; waits for the connection as long as it takes.
    pub(crate) async fn channel(&self) -> Result<Opened, Closed> {
        loop {
            let (generation, connection) = self.connection().await?;
            match timeout(RPC, connection.create_channel()).await {
                Ok(Ok(channel)) => return Ok(Opened { channel, generation }),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "cannot open a channel");
                    self.suspect(generation, "a channel could not be opened").await;
                }
                Err(_) => self.suspect(generation, "opening a channel took too long").await,
            }
        }
    }

    async fn connection(&self) -> Result<(u64, Arc<Connection>), Closed> {
        let mut current = self.current.clone();
        let seen = current.wait_for(|now| !matches!(now, Current::Down)).await.map_err(|_| Closed)?;
        match &*seen {
            Current::Up { generation, connection } => Ok((*generation, connection.clone())),
            _ => Err(Closed),
        }
    }

    /// Resolves once the connection of this generation is gone.
    pub(crate) async fn lost(&self, generation: u64) {
        let mut current = self.current.clone();
        // An error means that the supervisor ended: the connection is gone just as well.
        let _ = current
            .wait_for(|now| !matches!(now, Current::Up { generation: g, .. } if *g == generation))
            .await;
    }

    /// Reports that this generation does not answer; returns when it has been given up.
    pub(crate) async fn suspect(&self, generation: u64, why: &'static str) {
        if self.orders.send(Order::Suspect { generation, why }).await.is_ok() {
            self.lost(generation).await;
        }
    }

    /// Closes the connection and ends the supervisor.
    pub(crate) async fn close(&self) {
        if self.orders.send(Order::Close).await.is_ok() {
            let mut current = self.current.clone();
            let _ = current.wait_for(|now| matches!(now, Current::Closed)).await;
        }
    }
}

/// Start-up: a refusal is an error at once, silence only after the patience set.
async fn connect_first(config: &BrokerConfig, role: &str) -> Result<Connected, ConnectError> {
    let begun = Instant::now();
    let mut backoff = Backoff::default();
    loop {
        let error = match connect(config, role).await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        let wait = backoff.next_wait();
        if !error.is_transient() || begun.elapsed() + wait > config.start_patience {
            return Err(error);
        }
        tracing::info!(broker = %config.address(), %error, "broker not reachable yet, trying again");
        sleep(wait).await;
    }
}

/// Owns the connection; the only writer of its state.
struct Supervisor {
    config: Arc<BrokerConfig>,
    role: &'static str,
    state: watch::Sender<LinkState>,
    current: watch::Sender<Current>,
    warning: watch::Sender<Option<String>>,
    orders: mpsc::Receiver<Order>,
    generation: u64,
    /// How long the login of the connection held when it was made, if it ends.
    token: Option<token::Times>,
}

/// How a connection's life ended.
enum End {
    Lost(String),
    Closed,
}

impl Supervisor {
    async fn run(mut self, mut connection: Arc<Connection>) {
        loop {
            let end = self.watch_over(&connection).await;
            self.current.send_replace(if matches!(end, End::Closed) {
                Current::Closed
            } else {
                Current::Down
            });
            // A connection that hangs must not hold us up, nor keep its deliveries on the broker.
            let _ = timeout(CLOSE, connection.close(200, "OK".into())).await;
            drop(connection);
            let cause = match end {
                End::Closed => break,
                End::Lost(cause) => cause,
            };
            tracing::warn!(role = self.role, broker = %self.config.address(), %cause, "broker connection lost");
            let Some(fresh) = self.reconnect(cause).await else { break };
            self.token = fresh.token;
            self.warning.send_replace(None);
            connection = Arc::new(fresh.connection);
            self.generation += 1;
            let up = Current::Up { generation: self.generation, connection: connection.clone() };
            self.current.send_replace(up);
            self.state.send_replace(LinkState::Up);
            tracing::info!(role = self.role, broker = %self.config.address(), "broker connection is back");
        }
        self.current.send_replace(Current::Closed);
        self.state.send_replace(LinkState::Closed);
    }

    /// Returns when the connection is lost, given up, or no longer wanted.
    async fn watch_over(&mut self, connection: &Connection) -> End {
        // One listener only: lapin's events are a shared queue, not a broadcast.
        let mut events = Box::pin(connection.events_listener());
        let mut look = tokio::time::interval(LOOK);
        let (config, warning) = (self.config.clone(), self.warning.clone());
        let mut unkept = Box::pin(keep_token(&config, self.token, connection, self.role, &warning));
        loop {
            tokio::select! {
                cause = &mut unkept => return End::Lost(cause),
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(reason)) => {
                        tracing::warn!(role = self.role, %reason, "broker blocks publishing");
                        self.state.send_replace(LinkState::Blocked { reason });
                    }
                    Some(Event::ConnectionUnblocked) => {
                        self.state.send_replace(LinkState::Up);
                    }
                    // The broker closed one channel. Whoever has it knows, and the others go on.
                    Some(Event::Error(error)) if error.is_amqp_soft_error() => {}
                    Some(Event::Error(error)) => return End::Lost(error.to_string()),
                    Some(_) => {}
                    None => return End::Lost("the connection ended".to_owned()),
                },
                order = self.orders.recv() => match order {
                    Some(Order::Suspect { generation, why }) if generation == self.generation => {
                        return End::Lost(why.to_owned());
                    }
                    // A late complaint about a connection that is gone already.
                    Some(Order::Suspect { .. }) => {}
                    Some(Order::Close) | None => return End::Closed,
                },
                _ = look.tick() => if !connection.status().connected() {
                    return End::Lost("the connection was closed".to_owned());
                },
            }
        }
    }

    /// Tries for ever: once running, a refusal may be an operator's passing mistake. None: close.
    async fn reconnect(&mut self, mut cause: String) -> Option<Connected> {
        let (config, role) = (self.config.clone(), self.role);
        let mut backoff = Backoff::default();
        loop {
            let wait = backoff.next_wait();
            self.state.send_replace(LinkState::Connecting { attempt: backoff.attempt(), cause });
            self.unless_closed(sleep(wait)).await?;
            match self.unless_closed(connect(&config, role)).await? {
                Ok(connected) => return Some(connected),
                Err(error) => {
                    let (attempt, advice) = (backoff.attempt(), error.advice());
                    tracing::warn!(role, attempt, %error, advice, "cannot reconnect to the broker");
                    cause = error.to_string();
                }
            }
        }
    }

    /// The outcome of `work`, or None when we are to close first.
    async fn unless_closed<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                order = self.orders.recv() => match order? {
                    Order::Close => return None,
                    // About a connection that is gone already.
                    Order::Suspect { .. } => {}
                },
            }
        }
    }
}

/// Ends, saying why, when a login by token ends; never for others.
async fn keep_token(
    config: &BrokerConfig,
    held: Option<token::Times>,
    connection: &Connection,
    role: &str,
    warning: &watch::Sender<Option<String>>,
) -> String {
    match (&config.token, held) {
        (Some(file), Some(held)) => token::keep(file, held, connection, role, warning).await,
        _ => std::future::pending().await,
    }
}
