//! The numbers that `valet topology declare` chose, told to everybody on the broker.
//!
//! A worker may not ask the management API, and policies do not show over AMQP; so the declaration
//! itself is written into the stream `topology.log`, whose last entry counts.

use crate::{
    BrokerVersion, ConnectError, Counting,
    backoff::Backoff,
    link::{Link, Opened, RPC},
    start_check::{is_not_found, is_refused},
    topology::names::TOPOLOGY_LOG,
};
use futures::{FutureExt, StreamExt};
use lapin::{
    Channel, Consumer,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use serde::{Deserialize, Serialize};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{Mutex, watch},
    time::{sleep, timeout},
};

/// A log that says that it is empty is believed after this: its length is up to 5 s old, and a busy broker is slow to
/// give the first entry. A log without any entry is what a broken-off declare leaves.
const EMPTY: Duration = Duration::from_secs(8);

/// What was declared, as far as workers and producers must know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// Longest time that a job may be in one worker's hands: the queue's where the version lets us
    /// set it, else what the operator says that the node has.
    pub consumer_timeout_seconds: u64,
    /// Wait before attempt 2.
    pub retry_1_seconds: u64,
    /// Wait before attempt 3.
    pub retry_2_seconds: u64,
    /// Longest stay in one queue of jobs.
    pub job_ttl_seconds: u64,
    /// Losses of workers that a job survives in one stage.
    pub delivery_limit: u32,
    /// The broker's version when it was declared.
    pub broker_version: String,
}

impl Default for Numbers {
    /// What holds where nobody has declared anything by this version: RabbitMQ's and our defaults.
    fn default() -> Self {
        Self {
            consumer_timeout_seconds: 1800,
            retry_1_seconds: 30,
            retry_2_seconds: 300,
            job_ttl_seconds: 24 * 3600,
            delivery_limit: 3,
            broker_version: String::new(),
        }
    }
}

impl Numbers {
    /// Longest time that a job may be in one worker's hands.
    pub fn consumer_timeout(&self) -> Duration {
        Duration::from_secs(self.consumer_timeout_seconds)
    }

    /// The broker's version when it was declared.
    pub fn version(&self) -> Option<BrokerVersion> {
        BrokerVersion::parse(&self.broker_version)
    }

    /// How it counts returns; of a version that nobody knows the least is believed.
    pub(crate) fn counting(&self) -> Counting {
        self.version().map_or(Counting::Blurred, |version| version.capabilities().counting)
    }
}

/// The numbers as they were read last: at the start, with each new connection, and whenever somebody asks. Clones are
/// the same. A log that cannot be read changes nothing: what was declared is still the best that is known.
#[derive(Clone, Debug)]
pub struct NumbersWatch {
    link: Link,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    latest: watch::Sender<Option<Numbers>>,
    /// The connection that they were read on. Held while they are read: one reader is enough for all.
    read_on: Mutex<u64>,
}

impl NumbersWatch {
    /// Of what was read on the first connection.
    pub(crate) fn new(link: Link, numbers: Option<Numbers>) -> Self {
        let shared = Shared { latest: watch::Sender::new(numbers), read_on: Mutex::new(1) };
        Self { link, shared: Arc::new(shared) }
    }

    /// What was declared, as far as it is known; none if no declaration is ([`Numbers::default`] is what then holds).
    pub fn latest(&self) -> Option<Numbers> {
        self.shared.latest.borrow().clone()
    }

    /// What holds now.
    pub fn now(&self) -> Numbers {
        self.latest().unwrap_or_default()
    }

    /// Changes as they are read.
    pub fn subscribe(&self) -> watch::Receiver<Option<Numbers>> {
        self.shared.latest.subscribe()
    }

    /// Reads them again, in a few round trips, and says what holds then.
    pub async fn read_again(&self) -> Numbers {
        let _alone = self.shared.read_on.lock().await;
        self.look().await;
        self.now()
    }

    /// Reads them again unless they were read on this connection; nobody waits for that.
    pub(crate) fn renew(&self, generation: u64) {
        let this = self.clone();
        tokio::spawn(async move {
            let mut read_on = this.shared.read_on.lock().await;
            if *read_on < generation && this.look().await {
                *read_on = generation;
            }
        });
    }

    /// Whether they could be read.
    async fn look(&self) -> bool {
        let Some(numbers) = read_once(&self.link).await else { return false };
        let changed = |latest: &mut Option<Numbers>| {
            let is_new = latest.as_ref() != Some(&numbers);
            if is_new {
                *latest = Some(numbers.clone());
            }
            is_new
        };
        if self.shared.latest.send_if_modified(changed) {
            tracing::info!(?numbers, "the topology was declared anew");
        }
        true
    }
}

/// The last entry of the log, if it can be read now. A connection with jobs on it is not given up over that.
async fn read_once(link: &Link) -> Option<Numbers> {
    let opened = timeout(RPC, link.channel()).await.ok()?.ok()?;
    match timeout(RPC, last_entry(&opened.channel)).await {
        Ok(Ok(entry)) => entry.and_then(|bytes| decode(&bytes)),
        Ok(Err(error)) => {
            tracing::debug!(%error, "the declared numbers cannot be read again");
            None
        }
        Err(_) => {
            let _ = timeout(RPC, opened.channel.close(200, "too slow".into())).await;
            None
        }
    }
}

/// The last entry of the log; none if there is no such log, or no entry that can be read.
///
/// A few round trips. Only a log that is empty, or says so, costs [`EMPTY`]. One that exists and cannot be read (its
/// node or leader is not up yet) is tried for the start patience: to guess instead would refuse jobs that are fine.
pub(crate) async fn read(link: &Link) -> Result<Option<Numbers>, ConnectError> {
    let begun = Instant::now();
    let mut backoff = Backoff::default();
    loop {
        let outcome = try_read(link).await;
        let wait = backoff.next_wait();
        match outcome {
            Err(ConnectError::Refused { .. } | ConnectError::Silent { .. })
                if begun.elapsed() + wait < link.config().start_patience =>
            {
                tracing::info!("the log of numbers is not up yet, looking again");
                sleep(wait).await;
            }
            outcome => return outcome,
        }
    }
}

async fn try_read(link: &Link) -> Result<Option<Numbers>, ConnectError> {
    let address = || link.config().address();
    let silent = || ConnectError::Silent {
        address: address(),
        seconds: RPC.as_secs(),
        doing: "reading the declared numbers",
    };
    let opened = timeout(RPC, link.channel()).await.map_err(|_| silent())?.map_err(|_| silent())?;
    let Opened { channel, generation } = opened;
    match timeout(RPC, last_entry(&channel)).await {
        Ok(Ok(entry)) => Ok(entry.and_then(|bytes| decode(&bytes))),
        Ok(Err(error)) if is_not_found(&error) => Ok(None),
        Ok(Err(cause)) if is_refused(&cause) => {
            let user = link.config().username().unwrap_or_default().to_owned();
            Err(ConnectError::Rights {
                address: address(),
                user,
                what: format!("queue {TOPOLOGY_LOG}"),
                cause,
            })
        }
        Ok(Err(cause)) => Err(ConnectError::Refused { address: address(), cause }),
        Err(_) => {
            link.suspect(generation, "the log of numbers did not answer").await;
            Err(silent())
        }
    }
}

fn decode(bytes: &[u8]) -> Option<Numbers> {
    let numbers = serde_json::from_slice(bytes);
    if let Err(error) = &numbers {
        tracing::warn!(%error, "the declared numbers are not understood; run `valet topology declare` again");
    }
    numbers.ok()
}

async fn last_entry(channel: &Channel) -> lapin::Result<Option<Vec<u8>>> {
    let patience = if length(channel).await? == 0 { EMPTY } else { RPC };
    let mut consumer = consume(channel).await?;
    let Ok(Some(first)) = timeout(patience, consumer.next()).await else { return Ok(None) };
    let mut entry = first?.data;
    // A chunk is delivered as one piece before the channel's next answer, so after a round trip all
    // of the last chunk is here.
    length(channel).await?;
    while let Some(Some(next)) = consumer.next().now_or_never() {
        entry = next?.data;
    }
    // RabbitMQ 3.10 goes on listing a stream's consumer whose channel is closed over it.
    channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await?;
    let _ = channel.close(200, "read".into()).await;
    Ok(Some(entry))
}

async fn length(channel: &Channel) -> lapin::Result<u32> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare(TOPOLOGY_LOG.into(), options, FieldTable::default()).await?;
    Ok(queue.message_count())
}

async fn consume(channel: &Channel) -> lapin::Result<Consumer> {
    channel.basic_qos(u16::MAX, BasicQosOptions::default()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-stream-offset".into(), AMQPValue::LongString("last".into()));
    channel.basic_consume(TOPOLOGY_LOG.into(), "".into(), BasicConsumeOptions::default(), arguments).await
}
