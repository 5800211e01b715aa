//! The same moves on a real broker, by Valet's own client: publisher, feeds, orders, ended jobs, dead letters.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use lapin::options::{QueueDeclareOptions, QueuePurgeOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use valet_broker::topology::names;
use valet_broker::{
    BrokerConfig, Counting, DeadLetters, DeadQueue, Delivery, Disposition, Ending, Feed, FeedOptions,
    OrderItem, Orders, Outgoing, Purpose, Session,
};
use valet_protocol::{CancelOrder, Detail, JobId, Lane, Reason};
use valet_testkit::wait::try_wait_for;

use super::memory::{Depths, Ended, QUEUES, Settle, Taken};
use super::op::SLOTS;
use crate::backstage;
use crate::stage::Stage;

/// Longest wait for anything that the model says is due.
const PATIENCE: Duration = Duration::from_secs(10);

/// The sessions of one sequence.
pub(super) struct Real {
    runtime: Runtime,
    producer: Session,
    worker: Session,
    /// Looks at depths.
    channel: Channel,
    _connection: Connection,
    hands: RefCell<Hands>,
}

struct Hands {
    feeds: Vec<Feed>,
    held: BTreeMap<usize, Delivery>,
    orders: Orders,
}

impl Real {
    pub(super) fn start(stage: &Stage<'_>) -> Self {
        valet_broker::install_crypto();
        let runtime = Runtime::new().expect("a runtime");
        let (producer, worker, connection, channel, hands) = runtime.block_on(async {
            let producer = session(stage, "producer", Purpose::Producer).await;
            let worker = session(stage, "worker", Purpose::Worker).await;
            let url = format!("{}/{}", stage.broker.amqp_url_with_login(), stage.vhost.name());
            let connection = Connection::connect(&url, ConnectionProperties::default()).await;
            let connection = connection.expect("the administrator's login is good");
            let channel = backstage::channel(&connection).await;
            let options =
                || FeedOptions { retry_poll: Duration::from_millis(20), ..FeedOptions::new("model") };
            let hands = Hands {
                feeds: (0..SLOTS).map(|_| worker.feed(options())).collect(),
                held: BTreeMap::new(),
                orders: worker.orders(),
            };
            (producer, worker, connection, channel, hands)
        });
        Self { runtime, producer, worker, channel, _connection: connection, hands: RefCell::new(hands) }
    }

    /// How this broker counts what comes back.
    pub(super) fn counting(&self) -> Counting {
        self.worker.broker_version().expect("it was declared just now").capabilities().counting
    }

    /// Waits until each queue holds so many messages.
    pub(super) fn expect_depths(&self, depths: Depths) -> Result<(), String> {
        try_wait_for(PATIENCE, || {
            let found = self.runtime.block_on(self.depths())?;
            if found == depths {
                return Ok(());
            }
            Err(format!("queues {QUEUES:?} hold {found:?}, the model says {depths:?}"))
        })
    }

    /// Ends all sessions.
    pub(super) fn end(self) {
        self.runtime.block_on(async {
            tokio::join!(self.worker.close(), self.producer.close());
            for queue in QUEUES {
                let purged = self.channel.queue_purge(queue.into(), QueuePurgeOptions::default());
                purged.await.expect("the administrator may");
            }
            drop(self.hands);
        });
    }

    pub(super) fn publish(&self, id: &JobId, dying: bool) -> Result<(), String> {
        let mut message = Outgoing::new(names::JOBS, names::JOBS_KEY, id.to_string(), b"{}");
        message.expiration = dying.then_some(Duration::from_millis(1));
        let sent = async { self.producer.publisher().publish(message).await.await };
        self.runtime.block_on(sent).map_err(|cause| cause.to_string())
    }

    pub(super) fn take(&self, slot: usize, ids: &[JobId]) -> Result<Taken, String> {
        let mut hands = self.hands.borrow_mut();
        let next = self.wait("a job", hands.feeds[slot].next())?;
        let delivery = next.ok_or("the session is closed")?;
        let taken = Taken {
            job: index(ids, delivery.message_id())?,
            stage: delivery.stage() as usize,
            returns: delivery.delivery_count(),
        };
        hands.held.insert(slot, delivery);
        Ok(taken)
    }

    pub(super) fn settle(&self, slot: usize, settle: Settle) -> Result<(), String> {
        let Some(delivery) = self.hands.borrow_mut().held.remove(&slot) else {
            return Err(format!("slot {slot} is empty"));
        };
        let disposition = match settle {
            Settle::Ack => Disposition::Ack,
            Settle::Retry => Disposition::Retry,
            Settle::HandBack => Disposition::HandBack,
            Settle::Bury => Disposition::DeadLetter {
                reason: Reason::NotMedia,
                detail: String::new(),
                attempt: u32::try_from(delivery.stage() as usize).unwrap_or_default() + 1,
            },
            Settle::Crash => {
                let _inside = self.runtime.enter();
                drop(delivery);
                return Ok(());
            }
        };
        let settled = self.wait("the broker to take an answer", delivery.settle(disposition))?;
        settled.map(drop).map_err(|cause| cause.to_string())
    }

    /// Deals with the next job that the broker ended, which must be this one; in which stage it ended.
    pub(super) fn bury(&self, ids: &[JobId], due: (usize, Ended)) -> Result<u32, String> {
        // Only for as long as it is needed: it takes some into its hands, which would not count as waiting then.
        let mut feed = self.runtime.block_on(async { self.worker.ended_feed("model") });
        let next = self.wait("a job that the broker ended", feed.next())?;
        let job = next.ok_or("the session is closed")?;
        let ended = match job.ending() {
            Ending::Lost { .. } => Ended::Lost,
            Ending::Expired => Ended::Expired,
            Ending::Other => return Err("a job ended in no way that is known".to_owned()),
        };
        let found = (index(ids, job.message_id())?, ended);
        if found != due {
            return Err(format!("the broker ended {found:?}, the model {due:?}"));
        }
        let stage = u32::try_from(job.stage() as usize).unwrap_or_default();
        let reason = if ended == Ended::Lost { Reason::WorkerLost } else { Reason::GrantExpired };
        let letter = Disposition::DeadLetter { reason, detail: String::new(), attempt: stage + 1 };
        let settled = self.wait("the letter to be filed", job.settle(letter))?;
        settled.map(|_| stage).map_err(|cause| cause.to_string())
    }

    /// Takes a job's dead letter away.
    pub(super) fn take_dead(&self, id: &JobId) -> Result<(), String> {
        self.runtime.block_on(async {
            let told = |cause: valet_broker::DeadError| cause.to_string();
            let mut pass = DeadLetters::open(&self.producer, DeadQueue::Dead).await.map_err(told)?;
            let letter = pass.find(&id.to_string()).await.map_err(told)?;
            letter.ok_or(format!("no dead letter of {id}"))?.remove().await.map_err(told)?;
            pass.close().await.map_err(told)
        })
    }

    /// Gives an order and waits until a worker has read it.
    pub(super) fn order(&self, job: JobId, time: Timestamp) -> Result<(), String> {
        let order = CancelOrder { lane: Lane::default(), job, time, detail: Detail::default() };
        self.runtime.block_on(self.producer.publish_order(&order)).map_err(|cause| cause.to_string())?;
        let mut hands = self.hands.borrow_mut();
        loop {
            match self.wait("the order", hands.orders.next())?.map_err(|cause| cause.to_string())? {
                OrderItem::Order(read) if read == order => return Ok(()),
                _ => {}
            }
        }
    }

    async fn depths(&self) -> Result<Depths, String> {
        let mut depths = Depths::default();
        for (depth, queue) in depths.iter_mut().zip(QUEUES) {
            let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let look = self.channel.queue_declare(queue.into(), passive, FieldTable::default());
            *depth = look.await.map_err(|cause| cause.to_string())?.message_count() as usize;
        }
        Ok(depths)
    }

    fn wait<T>(&self, what: &str, call: impl Future<Output = T>) -> Result<T, String> {
        self.runtime
            .block_on(async { timeout(PATIENCE, call).await })
            .map_err(|_| format!("waited {PATIENCE:?} for {what}"))
    }
}

async fn session(stage: &Stage<'_>, role: &str, purpose: Purpose) -> Session {
    let (name, password) = backstage::login(stage, role);
    let config = BrokerConfig::parse(&stage.vhost.amqp_url()).expect("testkit gives a URL");
    let config = config.with_login(name, password.as_str());
    Session::connect(config, purpose).await.unwrap_or_else(|cause| panic!("{role}: {cause}"))
}

fn index(ids: &[JobId], id: Option<&str>) -> Result<usize, String> {
    let at = ids.iter().position(|own| Some(own.to_string().as_str()) == id);
    at.ok_or_else(|| format!("a message of no job of this sequence: {id:?}"))
}
