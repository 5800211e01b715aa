//! What becomes of a delivery, and telling the broker.
//!
//! Must never decide: the worker's disposition does. Must never ack before a dead letter is
//! confirmed, nor call anything but `Ok(true)` an ack.

use crate::{
    Delivery, Outgoing, PublishError,
    delivery::{Hand, timestamp},
    lease::{Lease, LeaseLoss, loss},
    link::RPC,
    topology::names,
};
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions};
use tokio::time::timeout;
use valet_protocol::{Detail, Reason, amqp};

/// What the worker decided. The decision is the worker's; this crate only carries it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Done (success, or a failure that has been reported): off the queue.
    Ack,
    /// Again later: to the next stage, by dead-lettering alone. At the last stage: to `dead`.
    Retry,
    /// Never again: to `dead`, with the reason.
    DeadLetter {
        /// Stable code.
        reason: Reason,
        /// For people; never a grant. Cut to the limit of [`Detail`].
        detail: String,
        /// The attempt that it ended in, over all grants; from 1.
        attempt: u32,
    },
    /// The grants died first: to `expired`, for re-minting.
    Expired {
        /// Stable code.
        reason: Reason,
        /// For people; never a grant. Cut to the limit of [`Detail`].
        detail: String,
        /// The attempt that it ended in, over all grants; from 1.
        attempt: u32,
    },
    /// Not by this worker (drain): back to the same queue at once. Up to RabbitMQ 4.2 this counts as a
    /// return against the stage's delivery limit (from 4.3 on it does not).
    HandBack,
}

/// What was settled, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Off the queue.
    Acked,
    /// On its way to the next stage.
    Retrying,
    /// In `dead`.
    Dead,
    /// In `expired`.
    Expired,
    /// Back in its queue.
    HandedBack,
}

/// Why a delivery could not be settled. In every case the broker hands the job out again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// The job is no longer ours; another worker has it, or will.
    #[error("the job was taken back by the broker: {}", loss.cause)]
    LeaseLost {
        /// How that showed.
        loss: LeaseLoss,
    },
    /// A letter is in `dead` or `expired`, and the broker has taken the job back all the same.
    #[error("the dead letter was placed, but the job was taken back by the broker: {}", loss.cause)]
    Placed {
        /// How that showed.
        loss: LeaseLoss,
    },
    /// `dead` or `expired` did not take the message; the delivery was handed back.
    #[error("the dead letter was not taken by the broker")]
    DeadLetter {
        /// Why.
        #[source]
        cause: PublishError,
    },
}

impl SettleError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::LeaseLost { .. } | Self::Placed { .. } => {
                "if jobs run long, raise RabbitMQ's consumer_timeout above worker.wall_seconds_max"
            }
            Self::DeadLetter { cause } => cause.advice(),
        }
    }
}

/// What a letter says.
struct Said<'a> {
    reason: Reason,
    detail: &'a str,
    attempt: u32,
}

/// The frame to send for a delivery.
#[derive(Clone, Copy)]
enum Answer {
    Ack,
    Reject,
    HandBack,
}

impl Delivery {
    /// Tells the broker what becomes of the job. Exactly once, by value; takes at most the
    /// publisher's patience for a dead letter and 10 s for the answer itself.
    pub async fn settle(self, disposition: Disposition) -> Result<Settled, SettleError> {
        let settled = match disposition {
            Disposition::Ack => (Answer::Ack, Settled::Acked),
            // The queue's fixed dead-letter key names the next stage. requeue=false is what makes
            // this a retry with a delay; requeue=true would be a hot loop.
            Disposition::Retry => (Answer::Reject, Settled::Retrying),
            // nack, not reject: from RabbitMQ 4.3 on a nack does not count against the job.
            Disposition::HandBack => (Answer::HandBack, Settled::HandedBack),
            Disposition::DeadLetter { reason, detail, attempt } => {
                let ending = Said { reason, detail: &detail, attempt };
                return self.put_away(names::DEAD, ending, Settled::Dead).await;
            }
            Disposition::Expired { reason, detail, attempt } => {
                let ending = Said { reason, detail: &detail, attempt };
                return self.put_away(names::EXPIRED, ending, Settled::Expired).await;
            }
        };
        self.answer(settled.0).await.map(|()| settled.1)
    }

    /// Publishes the same bytes to `dead` or `expired`, confirmed, and only then acks. A crash in
    /// between leaves the job in both places; the letter's id tells that it is the same job.
    async fn put_away(
        self,
        key: &'static str,
        said: Said<'_>,
        settled: Settled,
    ) -> Result<Settled, SettleError> {
        if self.lease.is_lost() {
            // Somebody else has the job: a letter from us would contradict what they will say.
            return self.answer(Answer::Ack).await.map(|()| settled);
        }
        let letter = self.letter(key, &said);
        let receipt = self.hand.publisher.publish(letter).await;
        match receipt.await {
            Ok(()) => self.answer(Answer::Ack).await.map(|()| settled).map_err(placed),
            Err(cause) => {
                // Not ours to keep: whoever gets it next may have better luck.
                let _ = self.answer(Answer::HandBack).await;
                Err(SettleError::DeadLetter { cause })
            }
        }
    }

    fn letter(&self, key: &str, said: &Said<'_>) -> Outgoing {
        let mut letter = Outgoing::new(names::DEAD, key, self.message_id().unwrap_or_default(), &self.body);
        letter.type_ = self.message_type().map(str::to_owned);
        letter.content_type = self.content_type().map(str::to_owned);
        letter.timestamp = timestamp(&self.properties);
        letter.priority = *self.properties.priority();
        let mut header = |name: &str, value: &str| letter.headers.push((name.to_owned(), value.to_owned()));
        header(amqp::REASON, said.reason.code());
        // Cut to its limit, and without what follows a `sig=`: the last net under a careless text.
        header(amqp::DETAIL, Detail::new(said.detail).as_str());
        header(amqp::ATTEMPT, &said.attempt.to_string());
        header(amqp::WORKER, &self.hand.worker);
        // The broker accepts only our own name as user_id, so the publisher's moves to a header:
        // worth as much as this worker's word.
        if let Some(user) = self.user_id() {
            header(amqp::USER_ID, user);
        }
        if let Some(trace) = self.header(amqp::TRACEPARENT) {
            header(amqp::TRACEPARENT, trace);
        }
        letter
    }

    async fn answer(mut self, answer: Answer) -> Result<(), SettleError> {
        // From here on the delivery counts as settled: either the broker hears it, or it takes the
        // job back by itself.
        self.hand.settled = true;
        if let Err(loss) = self.let_go().await {
            give_up(&self.hand, &self.lease).await;
            return Err(SettleError::LeaseLost { loss });
        }
        match timeout(RPC, send(&self.lease, answer)).await {
            Ok(Ok(true)) => Ok(()),
            // Poisoned: the channel or the connection is gone.
            Ok(Ok(false)) => Err(SettleError::LeaseLost { loss: loss("the channel is gone") }),
            Ok(Err(error)) => Err(SettleError::LeaseLost { loss: loss(error.to_string()) }),
            Err(_) => {
                give_up(&self.hand, &self.lease).await;
                let cause = format!("the answer was not written within {} s", RPC.as_secs());
                Err(SettleError::LeaseLost { loss: loss(cause) })
            }
        }
    }
}

impl Delivery {
    /// Nothing of the broker's may depend on this job any more but the answer: the consumer is
    /// cancelled first, and a lease that is lost by any sign gets no answer, which from RabbitMQ 4.3 on
    /// would be ignored without a word.
    async fn let_go(&mut self) -> Result<(), LeaseLoss> {
        if let Some(loss) = self.lease.loss() {
            return Err(loss);
        }
        match self.hand.hold.take() {
            Some(hold) => hold.release().await,
            None => Ok(()),
        }
    }
}

/// There must be no second letter when the job comes again.
fn placed(error: SettleError) -> SettleError {
    match error {
        SettleError::LeaseLost { loss } => SettleError::Placed { loss },
        other => other,
    }
}

async fn send(lease: &Lease, answer: Answer) -> lapin::Result<bool> {
    match answer {
        Answer::Ack => lease.acker.ack(BasicAckOptions::default()).await,
        Answer::Reject => lease.acker.reject(BasicRejectOptions { requeue: false }).await,
        Answer::HandBack => lease.acker.nack(BasicNackOptions { requeue: true, multiple: false }).await,
    }
}

/// The channel goes, and with it whatever the broker still believes to be ours. A connection that does
/// not even take that is dead: without a rebuild the job would stay ours.
async fn give_up(hand: &Hand, lease: &Lease) {
    if hand.channel.status().connected()
        && timeout(RPC, hand.channel.close(200, "lease lost".into())).await.is_err()
    {
        lease.link.suspect(lease.generation, "a channel was not closed").await;
    }
}
