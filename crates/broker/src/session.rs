//! One process's session with the broker: two supervised connections and what is built on them.
//!
//! Two, since a broker that runs low on memory or disk stops reading from connections that publish:
//! on a shared one acks and heartbeats would stop as well.

use crate::{
    BrokerConfig, ConnectError, Feed, FeedOptions, LinkState, Publisher, PublisherOptions, link::Link,
    start_check,
};
use std::sync::Arc;
use tokio::sync::watch;

/// What the process is, which decides what the start-up check looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Consumes jobs, publishes reports and dead letters.
    Worker,
    /// Publishes jobs, reads events and dead letters.
    Producer,
    /// Only proves that broker, login and vhost are there: no topology check.
    Probe,
}

/// Two connections (publish, consume), both kept up by their own supervisor. Cheap to clone; they
/// are closed by [`Session::close`], or once the last clone and all that was built on it are gone.
#[derive(Clone, Debug)]
pub struct Session {
    publish: Link,
    consume: Link,
    publisher: Publisher,
}

impl Session {
    /// Connects and checks by passive declares that the topology which `purpose` needs is there.
    ///
    /// Start-up fails on the first refusal (login, vhost, TLS, topology); an unreachable broker is
    /// tried for the start patience. Once this has returned, every loss is repaired for ever.
    pub async fn connect(config: BrokerConfig, purpose: Purpose) -> Result<Self, ConnectError> {
        let config = Arc::new(config);
        let publish = Link::start(config.clone(), "publish").await?;
        start_check::check(&publish, purpose).await?;
        let consume = Link::start(config, "consume").await?;
        let publisher = Publisher::start(publish.clone(), PublisherOptions::default());
        Ok(Self { publish, consume, publisher })
    }

    /// The session's own publisher, with the default window (64) and shared by all callers.
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// A publisher with its own channel, window and patience.
    pub fn publisher_with(&self, options: PublisherOptions) -> Publisher {
        Publisher::start(self.publish.clone(), options)
    }

    /// A feed of jobs for one slot. Call once per slot.
    pub fn feed(&self, options: FeedOptions) -> Feed {
        Feed::start(self.consume.clone(), self.publisher(), options)
    }

    /// State of the publishing connection.
    pub fn publish_state(&self) -> watch::Receiver<LinkState> {
        self.publish.states()
    }

    /// State of the consuming connection.
    pub fn consume_state(&self) -> watch::Receiver<LinkState> {
        self.consume.states()
    }

    /// Closes both connections; takes a few seconds at most. Unsettled deliveries return to their
    /// queues, unconfirmed messages fail as `Closed`: [`Publisher::flush`] first.
    pub async fn close(&self) {
        tokio::join!(self.publish.close(), self.consume.close());
    }

    /// The login's name, as the broker knows it and stamps it on messages.
    pub fn username(&self) -> Option<&str> {
        self.publish.config().username()
    }

    pub(crate) fn consume_link(&self) -> Link {
        self.consume.clone()
    }
}
