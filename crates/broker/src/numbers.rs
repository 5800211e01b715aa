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
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

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
