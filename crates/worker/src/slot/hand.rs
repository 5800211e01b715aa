//! A job in hand: done once, found done, cancelled, or given up; whatever comes first.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use valet_blob::EarlierAttempt;
use valet_broker::Delivery;
use valet_grant::WriteGrant;
use valet_protocol::{CancelOrder, JobMessage, Success, amqp};

use super::Slot;
use crate::conclude::{Interruption, unless_interrupted};
use crate::disposition::{Class, End};
use crate::job::{Attempt, Worker};
use crate::memo::{Alone, Key, Remembered};
use crate::reports::Reporter;

impl Slot {
    /// Waits until no other slot has a copy of the message in hand.
    pub(super) async fn alone(
        &self,
        delivery: &Delivery,
        key: Key,
        reports: &Reporter,
    ) -> Result<Alone<'_>, Interruption> {
        let alone = reports.while_beating(self.worker.memo.alone(key));
        unless_interrupted(&self.stop, &delivery.lease(), alone).await
    }

    /// How this very message ended, if it did: a copy of it must end so, too.
    pub(super) fn ended_before(&self, delivery: &Delivery, key: &Key) -> Option<Remembered> {
        let ended = self.worker.memo.recall(key)?;
        // A dead letter that somebody has put back as it is: they have mended what failed, and want it done.
        let put_back = delivery.header(amqp::REASON).is_some();
        (!put_back || ended.decision.case.class() == Class::Done).then_some(ended)
    }

    /// Works at a job until it ends in whatever way.
    pub(super) async fn attend(
        &self,
        delivery: &Delivery,
        message: &JobMessage,
        reports: &Reporter,
        taken: Instant,
        alone: &Alone<'_>,
    ) -> End {
        let attempt = Attempt {
            message,
            number: message.attempts_before.saturating_add(delivery.stage().number()),
            stage: delivery.stage().number(),
            taken,
            terms: self.terms.clone(),
            earlier: if alone.waited { EarlierAttempt::Possible } else { earlier_attempt(delivery, message) },
            key: alone.key,
            reports,
            storing: AtomicBool::new(false),
        };
        // On the heap: it is kept across many awaits, and a slot holds one at a time.
        let work = Box::pin(self.worker.perform_unless_cancelled(&attempt));
        match unless_interrupted(&self.stop, &delivery.lease(), work).await {
            Ok(end) => end,
            Err(interruption) => interruption.into(),
        }
    }
}

/// An attempt under earlier grants, a later stage, or a second hand-over of the same one, may find its own output.
fn earlier_attempt(delivery: &Delivery, message: &JobMessage) -> EarlierAttempt {
    if message.attempts_before > 0 || delivery.stage().number() > 1 || delivery.redelivered() {
        EarlierAttempt::Possible
    } else {
        EarlierAttempt::None
    }
}

impl Worker {
    /// Does the job, or drops it when somebody has cancelled it: by then nothing of it runs any more.
    async fn perform_unless_cancelled(&self, attempt: &Attempt<'_>) -> End {
        let message = attempt.message;
        let cancelled = async {
            let order = self.cancels.ordered(&message.key(), message.submitted_at).await;
            // Too late: what is being stored may be stored already, and only storage knows.
            if attempt.storing.load(Ordering::Relaxed) { std::future::pending().await } else { order }
        };
        let order = tokio::select! {
            // Before the work, so that of a job that is cancelled already nothing is begun.
            biased;
            order = cancelled => order,
            done = self.perform(attempt) => return match done {
                Ok(success) => End::Succeeded(Box::new(success)),
                Err(cause) => End::Failed(cause),
            },
        };
        attempt.reports.while_beating(self.cancel(message, attempt.earlier, &order)).await
    }

    /// The end of a cancelled job: it may have been stored before the order came, by an attempt that could not say so.
    pub(crate) async fn cancel(
        &self,
        message: &JobMessage,
        earlier: EarlierAttempt,
        order: &CancelOrder,
    ) -> End {
        match self.stored_earlier(message, earlier).await {
            Some(success) => End::Succeeded(Box::new(success)),
            None => End::Cancelled(order.detail.as_str().to_owned()),
        }
    }

    /// The success of an earlier attempt or delivery, if there can have been one and its output is there.
    pub(crate) async fn stored_earlier(
        &self,
        message: &JobMessage,
        earlier: EarlierAttempt,
    ) -> Option<Success> {
        if earlier == EarlierAttempt::None {
            return None;
        }
        let (_, output) = message.grants.urls()?;
        // A grant that has ended cannot be asked with.
        let output = WriteGrant::parse(output.clone(), &self.grants, Timestamp::now()).ok()?;
        self.find_stored(message, &output).await
    }
}
