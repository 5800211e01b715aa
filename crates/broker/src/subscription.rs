//! A consumer that stays on one queue, over all reconnects: for what is short to handle.
//!
//! What it took and did not settle returns to the queue with the channel. Must never hold more than
//! its window.

use crate::{
    NumbersWatch,
    backoff::Backoff,
    lease::{Clock, LeaseLoss, loss},
    link::{Link, Opened, RPC},
    start_check::is_not_found,
};
use futures::StreamExt;
use lapin::{
    Consumer,
    message::Delivery,
    options::{BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

/// One message and what it hangs on.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) delivery: Delivery,
    pub(crate) opened: Opened,
    pub(crate) ended: watch::Receiver<Option<LeaseLoss>>,
    /// Our own clock for it.
    pub(crate) clock: Clock,
}

/// What to consume.
pub(crate) struct Subscription {
    pub(crate) link: Link,
    pub(crate) queue: String,
    /// Messages in hand at once, at most.
    pub(crate) window: u16,
    pub(crate) numbers: NumbersWatch,
    pub(crate) when_gone: WhenGone,
}

/// What to do about a queue that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenGone {
    /// Wait for it: it belongs to the topology.
    Wait,
    /// End: such queues come and go.
    End,
}

impl Subscription {
    /// Takes messages until nobody wants them or the session is closed.
    pub(crate) fn start(self) -> mpsc::Receiver<Taken> {
        // One ahead at most, and that is within the window.
        let (found, taken) = mpsc::channel(1);
        tokio::spawn(self.run(found));
        taken
    }

    async fn run(self, found: mpsc::Sender<Taken>) {
        let mut backoff = Backoff::default();
        loop {
            let opened = tokio::select! {
                opened = self.link.channel() => opened,
                () = found.closed() => return,
            };
            let Ok(opened) = opened else { return };
            self.numbers.renew(opened.generation);
            let outcome = self.follow(&opened, &found, &mut backoff).await;
            // What is in hand or on its way goes back with the channel.
            if opened.channel.status().connected() {
                let _ = timeout(RPC, opened.channel.close(200, "subscription ends".into())).await;
            }
            let Some(cause) = outcome else { return };
            tracing::debug!(queue = %self.queue, cause, "a consumer broke off, starting anew");
            tokio::select! {
                () = sleep(backoff.next_wait()) => {}
                () = found.closed() => return,
            }
        }
    }

    /// Consumes on one channel. None: nobody wants more.
    async fn follow(
        &self,
        opened: &Opened,
        found: &mpsc::Sender<Taken>,
        backoff: &mut Backoff,
    ) -> Option<String> {
        let mut consumer = match timeout(RPC, self.consume(opened)).await {
            Ok(Ok(consumer)) => consumer,
            Ok(Err(error)) if self.when_gone == WhenGone::End && is_not_found(&error) => return None,
            Ok(Err(error)) => {
                let advice = "run `valet topology check`: a queue or a right of this login is missing";
                tracing::warn!(queue = %self.queue, %error, advice, "the broker refuses a consumer");
                return Some(error.to_string());
            }
            Err(_) => {
                self.link.suspect(opened.generation, "the broker did not answer a consumer").await;
                return Some("no answer".to_owned());
            }
        };
        let (ended, seen) = watch::channel(None);
        loop {
            let next = tokio::select! {
                next = consumer.next() => next,
                () = self.link.lost(opened.generation) => return Some("the connection was lost".to_owned()),
                () = found.closed() => return None,
            };
            let cause = match next {
                Some(Ok(delivery)) => {
                    *backoff = Backoff::default();
                    let clock = Clock::start(self.numbers.clone());
                    let taken = Taken { delivery, opened: opened.clone(), ended: seen.clone(), clock };
                    found.send(taken).await.ok()?;
                    continue;
                }
                Some(Err(error)) => error.to_string(),
                None => "the broker ended the consumer".to_owned(),
            };
            ended.send_replace(Some(loss(cause.clone())));
            return Some(cause);
        }
    }

    async fn consume(&self, opened: &Opened) -> lapin::Result<Consumer> {
        let channel = &opened.channel;
        channel.basic_qos(self.window, BasicQosOptions::default()).await?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        channel.basic_consume(self.queue.as_str().into(), "".into(), options, arguments).await
    }
}
