//! Getting one job from the broker for one free slot.
//!
//! **Nothing is ever prefetched.** A job may take hours, and a job that waits in a worker's buffer is one
//! that no other worker can take and whose ack timeout runs. So there is a consumer only while somebody
//! waits for a job, one at a time, with a window of one:
//!
//! 1. The retry stages (`jobs.r2`, `jobs.r1`) are looked at *before* the first stage, so that a full
//!    `jobs.r0` cannot starve them; at most once per `retry_poll`, so that they cannot starve it either.
//!    A look is a passive declare, which costs the queue nothing; if something waits there, a consumer
//!    is put on that stage, for a moment: another slot may have been quicker.
//! 2. Else a consumer is put on `jobs.r0`: what waits there, or comes later, is pushed within a
//!    millisecond. If nothing comes at once, the retry stages are looked at without waiting for their
//!    turn, and then once per `retry_poll`. If one has a job, the consumer is cancelled first, and a
//!    job that slipped in before the cancel took effect is the job.
//!
//! **The consumer that gave the job stays open while it is in hand** ([`crate::hold`]): its end is a sign
//! of a lost lease. Its window is full, so nothing can slip in behind; it is cancelled, and that is
//! confirmed, before the job is settled. (`basic.get` would need one round trip less, and could lose a
//! job without a sign.)
//!
//! Hence a slot holds exactly the job it works on and never another one. Handing an extra job back
//! instead would count against that job's delivery limit: innocents would be poisoned.

use super::FeedOptions;
use crate::{
    Delivery, Disposition, NumbersWatch, Publisher, Stage,
    backoff::Backoff,
    delivery::Hand,
    hold::Hold,
    lease::{Clock, Lease},
    link::{Closed, Link, Opened, RPC},
    returns::Returns,
    topology::names,
};
use futures::StreamExt;
use lapin::{
    Channel, Consumer, message,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions},
    types::FieldTable,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{sleep, timeout},
};

/// A stage that has a job may have lost it to another slot: then nothing comes within this.
const PUSH: Duration = Duration::from_millis(250);
/// A first stage that has a job pushes it well within this.
const FIRST_PUSH: Duration = Duration::from_millis(20);

/// A job, the stage it came from, and the consumer that gave it, unless that was cancelled already.
struct Found {
    job: message::Delivery,
    stage: Stage,
    consumer: Option<Consumer>,
}

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
    numbers: NumbersWatch,
    /// One permit: the slot. Held by the delivery in hand.
    slot: Arc<Semaphore>,
    opened: Option<Opened>,
    looked: Option<Instant>,
    backoff: Backoff,
}

impl Pull {
    pub(super) fn new(link: Link, publisher: Publisher, options: FeedOptions, numbers: NumbersWatch) -> Self {
        Self {
            link,
            publisher,
            options,
            numbers,
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
                (Some(found_job), Some(opened)) => {
                    let delivery = self.delivery(found_job, opened, permit);
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

    fn delivery(&self, found: Found, opened: &Opened, slot: OwnedSemaphorePermit) -> Delivery {
        let (hold, ended) = match found.consumer {
            Some(consumer) => {
                let (hold, ended) = Hold::start(opened.channel.clone(), consumer);
                (Some(hold), ended)
            }
            // RabbitMQ closes the channel then, in every version.
            None => (None, watch::channel(None).1),
        };
        let lease = Lease {
            link: self.link.clone(),
            generation: opened.generation,
            acker: found.job.acker.clone(),
            ended,
            clock: Clock::start(self.numbers.clone()),
        };
        let hand = Hand {
            channel: opened.channel.clone(),
            publisher: self.publisher.clone(),
            worker: self.options.worker.clone(),
            hold,
            _slot: Some(slot),
            settled: false,
        };
        let returns = Returns::of(&found.job, found.stage, self.numbers.now().counting());
        Delivery::new(found.job, found.stage, returns, lease, hand)
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
        self.numbers.renew(opened.generation);
        // A window of one, for all consumers that this channel will have. Refused: the first consumer
        // says so, too.
        let _ = answered(opened.channel.basic_qos(1, BasicQosOptions::default())).await;
        self.opened = Some(opened.clone());
        Ok(opened)
    }

    async fn fetch_on(&mut self, opened: &Opened) -> Result<Found, Fault> {
        let retries_have_their_turn =
            self.looked.is_none_or(|looked| looked.elapsed() >= self.options.retry_poll);
        if retries_have_their_turn && let Some(found) = self.look_at_retries(opened).await? {
            return Ok(found);
        }
        loop {
            if let Some(found) = self.wait_on_first(opened).await? {
                return Ok(found);
            }
            if let Some(found) = self.look_at_retries(opened).await? {
                return Ok(found);
            }
        }
    }

    /// A retry that waits, the last attempt first.
    async fn look_at_retries(&mut self, opened: &Opened) -> Result<Option<Found>, Fault> {
        self.looked = Some(Instant::now());
        for stage in [Stage::Last, Stage::Second] {
            if length(&opened.channel, stage.queue()).await? > 0
                && let Some(found) = self.be_pushed_to(opened, stage, sleep_for(PUSH)).await?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Waits for a new job. None: a retry stage has one, look there.
    async fn wait_on_first(&self, opened: &Opened) -> Result<Option<Found>, Fault> {
        let until = self.until_a_retry_waits(&opened.channel);
        self.be_pushed_to(opened, Stage::First, until).await
    }

    /// Puts a consumer on a stage until it has given a job, or `enough` has come. Cancelled then, it
    /// may have given one all the same.
    async fn be_pushed_to(
        &self,
        opened: &Opened,
        stage: Stage,
        enough: impl Future<Output = Result<(), Fault>>,
    ) -> Result<Option<Found>, Fault> {
        let channel = &opened.channel;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consume = channel.basic_consume(stage.queue().into(), "".into(), options, arguments);
        let mut consumer = answered(consume).await?;
        let pushed = tokio::select! {
            biased;
            pushed = consumer.next() => Some(pushed),
            enough = enough => enough.map(|()| None)?,
            () = self.link.lost(opened.generation) => return Err(Fault::Lost),
        };
        match pushed {
            Some(Some(Ok(job))) => Ok(Some(Found { job, stage, consumer: Some(consumer) })),
            Some(Some(Err(error))) => Err(Fault::Broker(error)),
            Some(None) => Err(Fault::Cancelled),
            None => {
                answered(channel.basic_cancel(consumer.tag(), BasicCancelOptions::default())).await?;
                let slipped_in = slipped_in(&mut consumer).await?;
                Ok(slipped_in.map(|job| Found { job, stage, consumer: None }))
            }
        }
    }

    async fn until_a_retry_waits(&self, channel: &Channel) -> Result<(), Fault> {
        sleep(FIRST_PUSH).await;
        loop {
            for queue in [names::JOBS_R2, names::JOBS_R1] {
                if length(channel, queue).await? > 0 {
                    return Ok(());
                }
            }
            // Jitter: a fleet must not look all at once.
            sleep(self.options.retry_poll.mul_f64(0.9 + 0.2 * fastrand::f64())).await;
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

async fn sleep_for(time: Duration) -> Result<(), Fault> {
    sleep(time).await;
    Ok(())
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
