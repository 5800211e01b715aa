//! One process's session with the broker: two supervised connections and what is built on them.
//!
//! Two, since a broker that runs low on memory or disk stops reading from connections that publish:
//! on a shared one acks and heartbeats would stop as well.

use crate::{
    BrokerConfig, BrokerVersion, ConnectError, Depth, DepthError, EndedFeed, Feed, FeedOptions, LaneFeed,
    LaneLog, LaneQueue, Lead, LetterFeed, LinkState, Numbers, NumbersWatch, Orders, PublishError, Publisher,
    PublisherOptions, dead::DeadQueue, depth, link::Link, log::Marker, numbers, orders, start_check,
};
use std::sync::Arc;
use tokio::sync::watch;
use valet_protocol::CancelOrder;

/// What the process is, which decides what the start-up check looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Consumes jobs, publishes reports and dead letters.
    Worker,
    /// Publishes jobs, reads events and dead letters.
    Producer,
    /// Takes messages from the lanes, and hands them to the workers or files them.
    Dispatcher,
    /// Reads the reports and nothing else: no topology check, no numbers, as fast as the broker lets it. What
    /// is missing shows in reading.
    Reader,
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
    numbers: NumbersWatch,
}

/// Heartbeat of a worker's connections: a machine that vanishes is noticed within about twice this, and
/// its jobs must run elsewhere within 30 s.
const WORKER_HEARTBEAT_SECONDS: u16 = 10;

impl Session {
    /// Connects and checks by passive declares that the topology which `purpose` needs is there.
    ///
    /// Start-up fails on the first refusal (login, vhost, TLS, topology); an unreachable broker is
    /// tried for the start patience. Once this has returned, every loss is repaired for ever.
    pub async fn connect(config: BrokerConfig, purpose: Purpose) -> Result<Self, ConnectError> {
        let config = Arc::new(match purpose {
            // A leader that vanishes is followed by another as quickly.
            Purpose::Worker | Purpose::Dispatcher => {
                config.with_heartbeat_seconds_max(WORKER_HEARTBEAT_SECONDS)
            }
            Purpose::Producer | Purpose::Reader | Purpose::Probe => config,
        });
        if purpose == Purpose::Reader {
            let publish = Link::start(config.clone(), "publish");
            let (publish, consume) = tokio::try_join!(publish, Link::start(config, "consume"))?;
            let publisher = Publisher::start(publish.clone(), PublisherOptions::default());
            let numbers = NumbersWatch::new(consume.clone(), None);
            return Ok(Self { publish, consume, publisher, numbers });
        }
        let publish = Link::start(config.clone(), "publish").await?;
        start_check::check(&publish, purpose).await?;
        let consume = Link::start(config, "consume").await?;
        let publisher = Publisher::start(publish.clone(), PublisherOptions::default());
        let numbers = match purpose {
            Purpose::Worker | Purpose::Producer | Purpose::Dispatcher => numbers::read(&consume).await?,
            Purpose::Reader | Purpose::Probe => None,
        };
        let numbers = NumbersWatch::new(consume.clone(), numbers);
        Ok(Self { publish, consume, publisher, numbers })
    }

    /// What was declared, as it was read last; none if no declaration is known ([`Numbers::default`] is what then
    /// holds).
    pub fn numbers(&self) -> Option<Numbers> {
        self.numbers.latest()
    }

    /// The same as it changes: it is read again with each new connection, and when somebody asks.
    pub fn numbers_watch(&self) -> NumbersWatch {
        self.numbers.clone()
    }

    /// The broker's version; none if it is not known.
    pub fn broker_version(&self) -> Option<BrokerVersion> {
        self.numbers.latest().as_ref().and_then(Numbers::version)
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
        Feed::start(self.consume.clone(), self.publisher(), options, self.numbers_watch())
    }

    /// The jobs that the broker itself ended. `worker` is written into the letters that come of them.
    pub fn ended_feed(&self, worker: impl Into<String>) -> EndedFeed {
        EndedFeed::start(self.consume.clone(), self.publisher(), self.numbers_watch(), worker.into())
    }

    /// All orders that are kept, then each as it comes.
    pub fn orders(&self) -> Orders {
        Orders::start(self.consume.clone())
    }

    /// Tells an order to all workers; confirmed when this returns.
    pub async fn publish_order(&self, order: &CancelOrder) -> Result<(), PublishError> {
        self.publisher.publish(orders::outgoing(order)).await.await
    }

    /// Waits for the lead among dispatchers, for as long as it takes. None once the session is closed.
    pub async fn lead(&self) -> Option<Lead> {
        Lead::wait(self.consume.clone()).await
    }

    /// All records of lanes that are kept, then each as it comes.
    pub fn lanes(&self) -> LaneLog {
        LaneLog::start(self.consume.clone())
    }

    /// The messages of a lane's queue, `window` in hand at most. Ends when the queue is gone.
    pub fn lane_feed(&self, queue: &LaneQueue, window: u16) -> LaneFeed {
        LaneFeed::of_lane(self.consume.clone(), queue, window, self.numbers_watch())
    }

    /// What the broker took off any lane's queue.
    pub fn lane_ended(&self, window: u16) -> LaneFeed {
        LaneFeed::of_ended(self.consume.clone(), window, self.numbers_watch())
    }

    /// How much waits in a queue.
    pub async fn depth(&self, queue: &str) -> Result<Depth, DepthError> {
        depth::look(&self.consume, queue).await
    }

    /// The letters of a queue as they come.
    pub fn letters(&self, queue: DeadQueue) -> LetterFeed {
        LetterFeed::start(self.consume.clone(), queue, self.numbers_watch())
    }

    /// State of the publishing connection.
    pub fn publish_state(&self) -> watch::Receiver<LinkState> {
        self.publish.states()
    }

    /// State of the consuming connection.
    pub fn consume_state(&self) -> watch::Receiver<LinkState> {
        self.consume.states()
    }

    /// What is wrong with the login's token, for as long as something is: it expires soon and its file holds no newer
    /// one, or nothing that can be used. Safe to show: no part of a token is in it.
    pub fn token_warning(&self) -> watch::Receiver<Option<String>> {
        self.consume.warnings()
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

    /// Places marks into the log of reports.
    pub(crate) fn marker(&self) -> Marker {
        Marker::new(self.publish.clone())
    }

    pub(crate) fn consume_link(&self) -> Link {
        self.consume.clone()
    }
}
