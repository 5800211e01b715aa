//! The end of a delivery: decided, told, settled, in this order.
//!
//! The order is forced: report, then settle. A crash in between redelivers the job, and its second report has the
//! same id; the other way round, a job could be off the queue without a word. Whoever knows that it has lost a job
//! says nothing more about it.

use std::time::Duration;

use tracing::Instrument as _;
use valet_broker::{Delivery, Disposition, EndedJob, Lease, LeaseLoss, SettleError, Settled};
use valet_protocol::{JobMessage, ReportData, Success};

use crate::codec::escape;
use crate::disposition::{Case, Decision, End, Standing, decide};
use crate::job::Worker;
use crate::logs::chain;
use crate::memo::{Key, Remembered};
use crate::reports::Reporter;
use crate::stop::{Phase, Stop};
use crate::telemetry::phase;

/// How long the last word of a job that is done may take once the worker must end.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Why a job was let go of before its end was told.
#[derive(Debug)]
pub enum Interruption {
    /// The worker is ending: somebody else may have it at once.
    Ending,
    /// The broker has taken it back.
    Lost(LeaseLoss),
}

impl From<Interruption> for End {
    fn from(interruption: Interruption) -> Self {
        match interruption {
            Interruption::Ending => Self::HandedBack,
            Interruption::Lost(loss) => Self::TakenBack(loss),
        }
    }
}

impl Interruption {
    /// How a turn counts whose end could not be told.
    fn unsaid(&self) -> Decision {
        match self {
            Self::Ending => Decision::silent(Case::WorkerEnding, String::new()),
            Self::Lost(loss) => Decision::silent(Case::LeaseLost, loss.cause.clone()),
        }
    }
}

/// Does `work` as long as the job is ours and the worker lives; then drops it.
///
/// # Errors
/// What came between.
pub async fn unless_interrupted<T>(
    stop: &Stop,
    lease: &Lease,
    work: impl Future<Output = T>,
) -> Result<T, Interruption> {
    tokio::select! {
        biased;
        () = stop.reached(Phase::Ending) => Err(Interruption::Ending),
        loss = lease.lost() => Err(Interruption::Lost(loss)),
        done = work => Ok(done),
    }
}

/// Something of the broker's that must be settled.
pub trait Settle {
    /// Whether it is still ours.
    fn lease(&self) -> Lease;
    /// Tells the broker.
    fn settle(self, disposition: Disposition) -> impl Future<Output = Result<Settled, SettleError>> + Send;
}

impl Settle for Delivery {
    fn lease(&self) -> Lease {
        Self::lease(self)
    }

    fn settle(self, disposition: Disposition) -> impl Future<Output = Result<Settled, SettleError>> + Send {
        Self::settle(self, disposition)
    }
}

impl Settle for EndedJob {
    fn lease(&self) -> Lease {
        Delivery::lease(self)
    }

    fn settle(self, disposition: Disposition) -> impl Future<Output = Result<Settled, SettleError>> + Send {
        Self::settle(self, disposition)
    }
}

/// How a delivery is brought to its end.
#[derive(Debug, Clone, Copy)]
pub struct Conclusion<'a> {
    /// When to stop.
    pub stop: &'a Stop,
    /// Where the job stands.
    pub standing: &'a Standing,
    /// Whose end it is counted as.
    pub worker: &'a Worker,
    /// The job, if the message is one.
    pub job: Option<&'a JobMessage>,
    /// What its end is remembered by, if it is to be.
    pub key: Option<Key>,
}

impl Conclusion<'_> {
    /// Decides, tells (when somebody can be told about), and settles.
    pub async fn conclude(&self, delivery: impl Settle, reports: Option<&Reporter>, end: End) {
        let decision = decide(end, self.standing);
        log(&decision);
        if let Some(job) = self.job {
            self.worker.outages.note(job, &decision);
        }
        let ended = Remembered { attempt: self.standing.attempt, decision, told: false };
        self.carry_out(delivery, reports, ended).await;
    }

    /// Tells the end that the very same message had, and does what was left of it.
    pub async fn repeat(&self, delivery: impl Settle, reports: Option<&Reporter>, ended: Remembered) {
        let reason = ended.decision.case.reason().map(valet_protocol::Reason::code);
        tracing::info!(
            attempt = ended.attempt,
            reason,
            "this worker has ended the very same message: not done again"
        );
        self.carry_out(delivery, reports, ended).await;
    }

    async fn carry_out(&self, delivery: impl Settle, reports: Option<&Reporter>, ended: Remembered) {
        let told = match (&ended.decision.report, reports) {
            (Some(report), Some(reports)) => {
                self.tell(&delivery.lease(), reports, ended.attempt, report.clone())
                    .instrument(phase("report"))
                    .await
            }
            _ => Ok(()),
        };
        if let Err(interruption) = told {
            // Whoever tells it counts it: the next hand-over, of this worker or another.
            self.worker.note_end(self.job, &interruption.unsaid());
            return let_go(delivery, interruption).await;
        }
        self.worker.note_end(self.job, &ended.decision);
        if !ended.told {
            self.worker.metrics.count(&ended.decision);
        }
        let disposition = ended.decision.disposition.clone();
        // What is told stays so, whatever becomes of the answer to the broker.
        self.remember(Remembered { told: true, ..ended });
        if settle(delivery, disposition).instrument(phase("settle")).await
            && let Some(key) = &self.key
        {
            self.worker.memo.settle(key);
        }
    }

    fn remember(&self, ended: Remembered) {
        if let Some(key) = self.key
            && ended.decision.ends_the_message()
        {
            self.worker.memo.keep(key, ended);
        }
    }

    /// The last word. When the worker must end, it still has a moment: without it the job would be begun anew.
    async fn tell(
        &self,
        lease: &Lease,
        reports: &Reporter,
        attempt: u32,
        report: ReportData,
    ) -> Result<(), Interruption> {
        if lease.is_lost() {
            return Err(Interruption::Lost(lease.lost().await));
        }
        let ending = async {
            self.stop.reached(Phase::Ending).await;
            tokio::time::sleep(LAST_WORD).await;
        };
        tokio::select! {
            biased;
            loss = lease.lost() => Err(Interruption::Lost(loss)),
            () = reports.tell_last(attempt, report) => Ok(()),
            () = ending => Err(Interruption::Ending),
        }
    }
}

/// Settles; whether a letter that the disposition asks for is in its place now.
async fn settle(delivery: impl Settle, disposition: Disposition) -> bool {
    let outcome = delivery.settle(disposition.clone()).await;
    match (&outcome, disposition) {
        (Ok(settled), _) => tracing::debug!(?settled, "settled"),
        (Err(error), Disposition::HandBack) => {
            tracing::debug!(error = chain(error), "not handed back; the broker does that by itself");
        }
        (Err(error), _) => {
            tracing::warn!(
                error = chain(error),
                "not settled: the broker hands the job out again, to no harm"
            );
        }
    }
    matches!(outcome, Ok(_) | Err(SettleError::Placed { .. }))
}

async fn let_go(delivery: impl Settle, interruption: Interruption) {
    match interruption {
        Interruption::Ending => log_handed_back(),
        Interruption::Lost(loss) => log_lost(&loss.cause),
    }
    settle(delivery, Disposition::HandBack).await;
}

fn log(decision: &Decision) {
    let detail = decision.detail.as_str();
    match (decision.case, &decision.report) {
        (_, Some(ReportData::Succeeded(success))) => log_success(success),
        (Case::WorkerEnding, _) => log_handed_back(),
        // What the other worker stores wins; whatever we say or settle from now on is about nothing.
        (Case::LeaseLost, _) => log_lost(detail),
        (Case::Ordered, _) => tracing::info!(detail, "the job was cancelled: nothing is stored"),
        (case, _) => {
            let reason = case.reason().map(valet_protocol::Reason::code);
            tracing::warn!(reason, detail, next = next(&decision.disposition), "the job did not succeed");
        }
    }
}

fn log_success(success: &Success) {
    let Success { stored, input_bytes, output_bytes, timings, .. } = success;
    tracing::info!(?stored, input_bytes, output_bytes, duration_ms = timings.total_ms, "stored the output");
}

fn log_handed_back() {
    tracing::warn!("handed the job back: the worker is ending");
}

fn log_lost(cause: &str) {
    let cause = escape(cause);
    tracing::warn!(cause, "gave the job up: the broker has taken it back, and another worker gets it");
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
