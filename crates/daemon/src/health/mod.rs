//! Health, readiness and metrics over HTTP, for whoever watches over a daemon; off unless its address is set.
//!
//! | path | says |
//! |---|---|
//! | `/healthz` | 200 while the process works; else 503, and what does not |
//! | `/readyz` | 200 while work is taken; else 503 with every reason |
//! | `/metrics` | Prometheus' text |
//!
//! Whoever reaches the port may ask, so that it must never tell what belongs to a job, nor let anything be changed,
//! and what asking costs is bounded.

mod answer;
mod server;

use std::sync::OnceLock;

use tokio::sync::watch;
use valet_broker::{LinkState, Session};

pub use server::{ListenError, Listener, listen};

/// Media type of what [`Told::metrics`] writes.
pub const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a daemon tells about itself.
pub trait Told: Clone + Send + Sync + 'static {
    /// Whether the process works, and what of it does not.
    fn health(&self) -> (bool, serde_json::Value);
    /// Whether work is taken, and what is against it.
    fn readiness(&self) -> (bool, serde_json::Value);
    /// What was counted, in Prometheus' text format.
    fn metrics(&self) -> String;
}

/// The two connections with the broker.
#[derive(Debug, Clone)]
pub struct Links {
    /// The one that publishes.
    pub publish: watch::Receiver<LinkState>,
    /// The one that consumes.
    pub consume: watch::Receiver<LinkState>,
    /// What is wrong with the login's token, as long as something is.
    pub token: watch::Receiver<Option<String>>,
}

impl Links {
    /// Those of a session.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        Self {
            publish: session.publish_state(),
            consume: session.consume_state(),
            token: session.token_warning(),
        }
    }

    /// What will be in the way of work if nobody does anything.
    #[must_use]
    pub fn warnings(links: &OnceLock<Self>) -> Vec<String> {
        links.get().and_then(|links| links.token.borrow().clone()).into_iter().collect()
    }

    /// Their states now: publishing, consuming. Before the first connection they are being made.
    #[must_use]
    pub fn states(links: &OnceLock<Self>) -> (LinkState, LinkState) {
        let none = || LinkState::Connecting { attempt: 1, cause: String::new() };
        links.get().map_or_else(
            || (none(), none()),
            |links| (links.publish.borrow().clone(), links.consume.borrow().clone()),
        )
    }
}
