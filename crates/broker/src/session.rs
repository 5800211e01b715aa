//! One process's session with the broker: two supervised connections and what is built on them.

use crate::{BrokerConfig, ConnectError, Feed, FeedOptions, LinkState, Publisher, PublisherOptions};
use tokio::sync::watch;

/// What the process is, which decides what the start-up check looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Consumes jobs, publishes reports.
    Worker,
    /// Publishes jobs, reads events and dead letters.
    Producer,
    /// Only proves that broker, login and vhost are there (`valet doctor`): no topology check.
    Probe,
}

/// Two connections (publish, consume), both kept up by their own supervisor. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Session;

impl Session {
    /// Connects, checks the topology that `purpose` needs by passive declares.
    pub async fn connect(config: BrokerConfig, purpose: Purpose) -> Result<Self, ConnectError> {
        let _ = (config, purpose);
        todo!()
    }

    /// A publisher with the default window (64).
    pub fn publisher(&self) -> Publisher {
        todo!()
    }

    /// A publisher with its own window and patience.
    pub fn publisher_with(&self, options: PublisherOptions) -> Publisher {
        let _ = options;
        todo!()
    }

    /// A feed of jobs for one slot. Call once per slot.
    pub fn feed(&self, options: FeedOptions) -> Feed {
        let _ = options;
        todo!()
    }

    /// State of the publishing connection.
    pub fn publish_state(&self) -> watch::Receiver<LinkState> {
        todo!()
    }

    /// State of the consuming connection.
    pub fn consume_state(&self) -> watch::Receiver<LinkState> {
        todo!()
    }

    /// Closes both connections. Unsettled deliveries return to their queues.
    pub async fn close(&self) {
        todo!()
    }
}
