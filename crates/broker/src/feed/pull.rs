//! Getting one job from the broker for one free slot.
//!
//! **Pull when busy, be pushed to when idle.** A job may take hours, and a job that waits in a
//! worker's buffer is one that no other worker can take and whose ack timeout runs. So nothing is
//! ever prefetched:
//!
//! 1. The retry stages (`jobs.r2`, `jobs.r1`) are asked with `basic.get` *before* the first stage, so
//!    that a full `jobs.r0` cannot starve them; at most once per `retry_poll`, so that they cannot
//!    starve it either.
//! 2. `jobs.r0` is asked with `basic.get`: under load this is one round trip per job, like an ack.
//!    If it is empty, the retry stages are asked without waiting for their turn.
//! 3. Only when all are empty a consumer (prefetch 1) is put on `jobs.r0`: a new job is pushed
//!    within a millisecond. It is cancelled as soon as it has delivered, while its window of one is
//!    full, so that nothing can slip in behind. While it waits, the retry stages' lengths are read
//!    by passive declares, which cost the queue nothing; if one has a job, the consumer is
//!    cancelled first, and a job that slipped in before the cancel took effect is the job.
//!
//! Hence a slot holds exactly the job it works on and never another one. Handing an extra job back
//! instead would count against that job's delivery limit: innocents would be poisoned.

use super::FeedOptions;
use crate::{
    Delivery, Disposition, Publisher, Stage,
    backoff::Backoff,
    delivery::Hand,
    lease::Lease,
    link::{Closed, Link, Opened, RPC},
    topology::names,
};
use futures::StreamExt;
use lapin::{
    Channel, Consumer, message,
    options::{
        BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions, QueueDeclareOptions,
    },
    types::FieldTable,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{sleep, timeout},
};

/// A job and the stage it came from.
type Found = (message::Delivery, Stage);

/// Why a try failed. The job, if there was one, is back in its queue.
enum Fault {
    Broker(lapin::Error),
    /// The broker cancelled the consumer: the queue was deleted, or its leader moved.
    Cancelled,
    Silent,
    Lost,
}

pub(super) struct Pull {
    link: Link,
    publisher: Publisher,
    options: FeedOptions,
    /// One permit: the slot. Held by the delivery in hand.
    slot: Arc<Semaphore>,
    opened: Option<Opened>,
    looked: Option<Instant>,
    backoff: Backoff,
}

impl Pull {
    pub(super) fn new(link: Link, publisher: Publisher, options: FeedOptions) -> Self {
        Self {
            link,
            publisher,
            options,
            slot: Arc::new(Semaphore::new(1)),
            opened: None,
            looked: None,
            backoff: Backoff::default(),
        }
    }

    /// Answers each want with one job, until the feed or the session is closed.
    pub(super) async fn run(mut self, mut wanted: mpsc::Receiver<()>, found: mpsc::Sender<Delivery>) {
        while wanted.recv().await.is_some() {
            let slot = self.slot.clone();
            let permit = tokio::select! {
                permit = slot.acquire_owned() => permit,
                () = found.closed() => return,
            };
            let Ok(permit) = permit else { return };
            let job = tokio::select! {
                job = self.fetch() => job,
                () = found.closed() => None,
            };
            match (job, &self.opened) {
                (Some(job), Some(opened)) => {
                    let delivery = self.delivery(job, opened, permit);
                    if let Err(unwanted) = found.send(delivery).await {
                        // The feed was closed just now; at worst the job goes back by itself.
                        let _ = unwanted.0.settle(Disposition::HandBack).await;
                        return;
                    }
                }
                _ => break,
            }
        }
        // The slot is free, so nothing of ours is in hand: what a broken-off call may have taken
        // goes back with the channel.
        if self.slot.available_permits() == 1
            && let Some(opened) = &self.opened
        {
            let _ = timeout(RPC, opened.channel.close(200, "feed closed".into())).await;
        }
    }

    fn delivery(&self, (job, stage): Found, opened: &Opened, slot: OwnedSemaphorePermit) -> Delivery {
        let lease =
            Lease { link: self.link.clone(), generation: opened.generation, acker: job.acker.clone() };
        let hand = Hand {
            channel: opened.channel.clone(),
            publisher: self.publisher.clone(),
            worker: self.options.worker.clone(),
            _slot: slot,
            settled: false,
        };
        Delivery::new(job, stage, lease, hand)
    }

    /// One job, over all reconnects. None: the session is closed.
    async fn fetch(&mut self) -> Option<Found> {
        loop {
            let opened = self.open().await.ok()?;
            match self.fetch_on(&opened).await {
                Ok(found) => {
                    self.backoff = Backoff::default();
                    return Some(found);
                }
                Err(fault) => self.recover(fault, &opened).await,
            }
        }
    }

    /// The slot's channel; a new one when the last one is dead.
    async fn open(&mut self) -> Result<Opened, Closed> {
        if let Some(opened) = &self.opened
            && opened.channel.status().connected()
            && self.link.is_up(opened.generation)
        {
            return Ok(opened.clone());
        }
        let opened = self.link.channel().await?;
        self.opened = Some(opened.clone());
        Ok(opened)
    }

    async fn fetch_on(&mut self, opened: &Opened) -> Result<Found, Fault> {
        let channel = &opened.channel;
        let retries_have_their_turn =
            self.looked.is_none_or(|looked| looked.elapsed() >= self.options.retry_poll);
        if retries_have_their_turn && let Some(found) = self.look_at_retries(channel).await? {
            return Ok(found);
        }
        if let Some(job) = get(channel, names::JOBS_R0).await? {
            return Ok((job, Stage::First));
        }
        if !retries_have_their_turn && let Some(found) = self.look_at_retries(channel).await? {
            return Ok(found);
        }
        answered(channel.basic_qos(1, BasicQosOptions::default())).await?;
        loop {
            if let Some(job) = self.be_pushed_to(opened).await? {
                return Ok((job, Stage::First));
            }
            if let Some(found) = self.look_at_retries(channel).await? {
                return Ok(found);
            }
        }
    }

    /// A retry that waits, the last attempt first.
    async fn look_at_retries(&mut self, channel: &Channel) -> Result<Option<Found>, Fault> {
        self.looked = Some(Instant::now());
        for stage in [Stage::Last, Stage::Second] {
            if let Some(job) = get(channel, stage.queue()).await? {
                return Ok(Some((job, stage)));
            }
        }
        Ok(None)
    }

    /// Waits on a consumer for a new job. None: a retry stage has one, look there.
    async fn be_pushed_to(&self, opened: &Opened) -> Result<Option<message::Delivery>, Fault> {
        let channel = &opened.channel;
        let consume = channel.basic_consume(
            names::JOBS_R0.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let mut consumer = answered(consume).await?;
        let pushed = tokio::select! {
            pushed = consumer.next() => Some(pushed),
            waits = self.until_a_retry_waits(channel) => waits.map(|()| None)?,
            () = self.link.lost(opened.generation) => return Err(Fault::Lost),
        };
        answered(channel.basic_cancel(consumer.tag(), BasicCancelOptions::default())).await?;
        match pushed {
            Some(Some(Ok(job))) => Ok(Some(job)),
            Some(Some(Err(error))) => Err(Fault::Broker(error)),
            Some(None) => Err(Fault::Cancelled),
            None => slipped_in(&mut consumer).await,
        }
    }

    async fn until_a_retry_waits(&self, channel: &Channel) -> Result<(), Fault> {
        loop {
            // Jitter: a fleet must not look all at once.
            sleep(self.options.retry_poll.mul_f64(0.9 + 0.2 * fastrand::f64())).await;
            for queue in [names::JOBS_R2, names::JOBS_R1] {
                if length(channel, queue).await? > 0 {
                    return Ok(());
                }
            }
        }
    }

    /// Makes sure that the next try is on a new channel, and not at once.
    async fn recover(&mut self, fault: Fault, opened: &Opened) {
        self.opened = None;
        match fault {
            // The link says so itself, and waits by itself.
            Fault::Lost => return,
            Fault::Silent => {
                return self.link.suspect(opened.generation, "the broker did not answer a feed").await;
            }
            Fault::Broker(error) if error.is_amqp_soft_error() => {
                let advice = "run `valet topology check`: a queue or a right of this login is missing";
                tracing::warn!(%error, advice, "the broker refuses a feed");
            }
            Fault::Broker(error) => tracing::debug!(%error, "a feed's channel broke"),
            Fault::Cancelled => tracing::warn!(queue = names::JOBS_R0, "the broker cancelled a feed"),
        }
        let _ = timeout(Duration::from_secs(1), opened.channel.close(200, "feed restarts".into())).await;
        sleep(self.backoff.next_wait()).await;
    }
}

/// A round trip with its limit.
async fn answered<T>(call: impl Future<Output = lapin::Result<T>>) -> Result<T, Fault> {
    timeout(RPC, call).await.map_err(|_| Fault::Silent)?.map_err(Fault::Broker)
}

async fn get(channel: &Channel, queue: &str) -> Result<Option<message::Delivery>, Fault> {
    let got = answered(channel.basic_get(queue.into(), BasicGetOptions::default())).await?;
    Ok(got.map(|got| got.delivery))
}

async fn length(channel: &Channel, queue: &str) -> Result<u32, Fault> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    Ok(answered(channel.queue_declare(queue.into(), options, FieldTable::default())).await?.message_count())
}

/// After a cancel the stream gives what came before it and then ends.
async fn slipped_in(consumer: &mut Consumer) -> Result<Option<message::Delivery>, Fault> {
    let last = timeout(RPC, consumer.next()).await.map_err(|_| Fault::Silent)?;
    last.transpose().map_err(Fault::Broker)
}
