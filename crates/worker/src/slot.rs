//! One slot: takes one delivery at a time, has it done, reports its end, settles it.
//!
//! The order is forced: report, then settle. A crash in between redelivers the job, and its second report has the
//! same id; the other way round, a job could be off the queue without a word.

use std::sync::Arc;
use std::time::Duration;

use tracing::{Instrument as _, Span, info_span};
use valet_blob::EarlierAttempt;
use valet_broker::{Delivery, Disposition, Feed, LeaseLoss, Publisher, SettleError};
use valet_protocol::{JobId, JobMessage, Lane, ReportData, Success, salvage_id};

use crate::cause::Cause;
use crate::codec::escape;
use crate::disposition::{Decision, decide};
use crate::job::{Attempt, Worker};
use crate::logs::chain;
use crate::reports::Reporter;
use crate::stop::{Phase, Stop};

/// Pause between two looks at a full disk.
const ROOM_INTERVAL: Duration = Duration::from_secs(5);

/// A slot's share of the worker.
#[derive(Debug)]
pub struct Slot {
    /// What all slots share.
    pub worker: Arc<Worker>,
    /// Where reports go.
    pub publisher: Publisher,
    /// When to stop.
    pub stop: Stop,
}

/// Why a slot let go of a job before its end was told.
enum Interruption {
    /// The worker is ending: somebody else may have it at once.
    Ending,
    /// The broker has taken it back.
    Lost(LeaseLoss),
}

impl Slot {
    /// Takes jobs until told to stop.
    pub async fn run(self, mut feed: Feed) {
        while let Some(delivery) = self.next(&mut feed).await {
            self.handle(delivery).await;
        }
        feed.close().await;
    }

    /// The next job, as long as jobs are taken and there is room for one.
    async fn next(&self, feed: &mut Feed) -> Option<Delivery> {
        tokio::select! {
            biased;
            () = self.stop.reached(Phase::Draining) => None,
            delivery = async { self.wait_for_room().await; feed.next().await } => delivery,
        }
    }

    /// Waits while the disk is full: a job taken now could only be sent back.
    async fn wait_for_room(&self) {
        let mut warned = false;
        while !self.worker.scratch.room_bytes().is_ok_and(|bytes| bytes > 0) {
            if !std::mem::replace(&mut warned, true) {
                let path = self.worker.scratch.directory().display();
                tracing::warn!(%path, "no job is taken: scratch has no room; free or enlarge its disk");
            }
            tokio::time::sleep(ROOM_INTERVAL).await;
        }
    }

    async fn handle(&self, delivery: Delivery) {
        // Before a byte of it is read: the broker has proven who published it, the message proves nothing.
        if !self.worker.takes_from(delivery.user_id()) {
            let user = delivery.user_id().map(escape);
            return self.refuse(delivery, &Cause::Stranger(user)).await;
        }
        match JobMessage::decode(delivery.body()) {
            Ok(message) => {
                let span = job_span(&delivery, message.id, &message.lane);
                self.handle_job(delivery, message).instrument(span).await;
            }
            Err(error) => self.refuse(delivery, &Cause::Message(error)).await,
        }
    }

    async fn handle_job(&self, delivery: Delivery, message: JobMessage) {
        tracing::info!(preset = message.preset.name, redelivered = delivery.redelivered(), "took a job");
        let reports = self.reporter(&delivery, message.id, message.lane.clone());
        let attempt = Attempt {
            message: &message,
            number: delivery.attempt(),
            earlier: earlier_attempt(&delivery),
            reports: &reports,
        };
        // On the heap: it is kept across many awaits, and a slot holds one at a time.
        let work = Box::pin(self.worker.perform(&attempt));
        match self.unless_interrupted(&delivery, work).await {
            Ok(Ok(success)) => {
                log_success(&success);
                let report = ReportData::Succeeded(Box::new(success));
                self.conclude(delivery, Some(&reports), report, Disposition::Ack).await;
            }
            Ok(Err(cause)) => {
                let decision = decide(&cause, delivery.attempt());
                log_failure(&decision);
                self.conclude(delivery, Some(&reports), decision.report, decision.disposition).await;
            }
            Err(interruption) => let_go(delivery, interruption).await,
        }
    }

    /// A message that is no job: a dead letter, and a report if it still says whose.
    async fn refuse(&self, delivery: Delivery, cause: &Cause) {
        let id = salvage_id(delivery.body()).or_else(|| delivery.message_id()?.parse().ok());
        let decision = decide(cause, delivery.attempt());
        let reports = id.map(|id| self.reporter(&delivery, id, Lane::default()));
        let span = match id {
            Some(id) => job_span(&delivery, id, &Lane::default()),
            None => info_span!(
                "delivery",
                message_id = delivery.message_id().map(escape),
                attempt = delivery.attempt()
            ),
        };
        let concluded = async {
            log_failure(&decision);
            self.conclude(delivery, reports.as_ref(), decision.report, decision.disposition).await;
        };
        concluded.instrument(span).await;
    }

    /// Tells the end and settles.
    async fn conclude(
        &self,
        delivery: Delivery,
        reports: Option<&Reporter>,
        report: ReportData,
        disposition: Disposition,
    ) {
        if let Some(reports) = reports
            && let Err(interruption) = self.unless_interrupted(&delivery, reports.tell_last(report)).await
        {
            return let_go(delivery, interruption).await;
        }
        match delivery.settle(disposition).await {
            Ok(settled) => tracing::debug!(?settled, "settled"),
            Err(error) => log_unsettled(&error),
        }
    }

    /// Does `work` as long as the job is ours and the worker lives; then drops it.
    async fn unless_interrupted<T>(
        &self,
        delivery: &Delivery,
        work: impl Future<Output = T>,
    ) -> Result<T, Interruption> {
        let lease = delivery.lease();
        tokio::select! {
            biased;
            () = self.stop.reached(Phase::Ending) => Err(Interruption::Ending),
            loss = lease.lost() => Err(Interruption::Lost(loss)),
            done = work => Ok(done),
        }
    }

    fn reporter(&self, delivery: &Delivery, job: JobId, lane: Lane) -> Reporter {
        Reporter::new(self.publisher.clone(), self.worker.name.clone(), job, lane, delivery.attempt())
    }
}

/// A later stage, or a second hand-over of the same one, may find its own output.
fn earlier_attempt(delivery: &Delivery) -> EarlierAttempt {
    if delivery.attempt() > 1 || delivery.redelivered() {
        EarlierAttempt::Possible
    } else {
        EarlierAttempt::None
    }
}

async fn let_go(delivery: Delivery, interruption: Interruption) {
    match interruption {
        Interruption::Ending => tracing::warn!("handed the job back: the worker is ending"),
        // What the other worker stores wins; whatever we say or settle from now on is about nothing.
        Interruption::Lost(loss) => {
            let cause = escape(&loss.cause);
            tracing::warn!(
                cause,
                "gave the job up: the broker has taken it back, and another worker gets it"
            );
        }
    }
    if let Err(error) = delivery.settle(Disposition::HandBack).await {
        tracing::debug!(error = chain(&error), "not handed back; the broker does that by itself");
    }
}

fn job_span(delivery: &Delivery, id: JobId, lane: &Lane) -> Span {
    info_span!("job", job.id = %id, %lane, attempt = delivery.attempt())
}

fn log_success(success: &Success) {
    let Success { stored, input_bytes, output_bytes, timings, .. } = success;
    tracing::info!(?stored, input_bytes, output_bytes, duration_ms = timings.total_ms, "stored the output");
}

fn log_failure(decision: &Decision) {
    let (reason, detail) = (decision.reason.code(), decision.detail.as_str());
    tracing::warn!(reason, detail, next = next(&decision.disposition), "the job did not succeed");
}

fn next(disposition: &Disposition) -> &'static str {
    match disposition {
        Disposition::Ack => "done",
        Disposition::Retry => "another attempt",
        Disposition::DeadLetter { .. } => "dead letter",
        Disposition::Expired { .. } => "new grants",
        Disposition::HandBack => "back to the queue",
    }
}

fn log_unsettled(error: &SettleError) {
    tracing::warn!(error = chain(error), "not settled: the broker hands the job out again, to no harm");
}
