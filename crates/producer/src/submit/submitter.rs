//! Sends planned jobs with a window of unconfirmed publishes, and a report of each once it is confirmed. Order of
//! sending is the order of the plans.
//!
//! Must never report a job as enqueued before the broker has confirmed it: who submits again leaves out what the
//! reports call queued, so a report of a job that was then refused would lose that job.

use std::collections::VecDeque;
use std::io;

use futures::FutureExt;
use jiff::Timestamp;
use tracing::Instrument as _;
use valet_broker::{
    BrokerConfig, Outgoing, PublishError, Publisher, PublisherOptions, Purpose, Receipt, Session,
};
use valet_protocol::Report;

use super::error::SubmitError;
use super::minter::JobMinter;
use crate::batch::JobPlan;
use crate::telemetry;

/// Jobs, and as many reports, that may be sent and not yet confirmed; beyond it throughput hardly grows.
pub const WINDOW: usize = PublisherOptions::BULK_WINDOW;

/// Submits jobs over one session with the broker.
///
/// ```no_run
/// # async fn example(config: valet_broker::BrokerConfig, minter: valet_producer::JobMinter,
/// #     batch: valet_producer::Batch) -> Result<(), valet_producer::SubmitError> {
/// let submitter = valet_producer::Submitter::connect(config, minter).await?;
/// let done = submitter.submit_all(batch.into_plans(), |plan| Ok(println!("{}", plan.id))).await;
/// if let Some(error) = done.error {
///     eprintln!("{} confirmed, {} perhaps: {error}", done.confirmed, done.unknown);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Submitter {
    minter: JobMinter,
    session: Session,
    jobs: Publisher,
    /// On a channel of its own, so that a queue that refuses jobs holds up no report.
    reports: Publisher,
}

/// What became of a batch.
#[derive(Debug)]
pub struct Submitted {
    /// Jobs that are on the broker, and reported to be.
    pub confirmed: u64,
    /// Jobs that may be on the broker: sent, and neither confirmed nor refused; or on it, and not reported.
    pub unknown: u64,
    /// Why the batch did not end well. Jobs after the failing one were not sent.
    pub error: Option<SubmitError>,
}

/// A job on the broker.
#[derive(Debug, Clone, Copy)]
pub struct Enqueued {
    /// Until when a worker may begin it.
    pub not_after: Timestamp,
}

impl Submitter {
    /// Connects to the broker and checks that the topology is there.
    ///
    /// # Errors
    /// When the broker cannot be reached, refuses the login, or lacks the topology.
    pub async fn connect(config: BrokerConfig, minter: JobMinter) -> Result<Self, SubmitError> {
        let session = Session::connect(config, Purpose::Producer).await;
        let session = session.map_err(|cause| SubmitError::Connect(Box::new(cause)))?;
        Ok(Self::new(session, minter))
    }

    /// Submits over a session that exists already.
    pub fn new(session: Session, minter: JobMinter) -> Self {
        let jobs = session.publisher_with(PublisherOptions::bulk());
        let reports = session.publisher_with(PublisherOptions::bulk());
        Self { minter, session, jobs, reports }
    }

    /// The session, to read reports over it.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What mints the jobs.
    pub fn minter(&self) -> &JobMinter {
        &self.minter
    }

    /// Mints, encodes and sends one job, and reports it once the broker has it. When this returns Ok, the broker
    /// has both.
    ///
    /// # Errors
    /// When the job has no message, or the broker did not take the message or the report.
    pub async fn enqueue(&self, plan: &JobPlan) -> Result<Enqueued, SubmitError> {
        let sent = self.send(plan).await?;
        sent.receipt.await.map_err(|cause| refused(plan, cause))?;
        self.report(&sent.report).await.await.map_err(|cause| unreported(plan, cause))?;
        Ok(Enqueued { not_after: sent.not_after })
    }

    /// Says something about a job. The receipt resolves when the broker has it.
    pub async fn report(&self, report: &Report) -> Receipt {
        self.reports.publish(Outgoing::report(report)).await
    }

    /// The publisher of jobs, for what else must be confirmed before something is let go.
    pub(crate) fn publisher(&self) -> &Publisher {
        &self.jobs
    }

    async fn send(&self, plan: &JobPlan) -> Result<Sent, SubmitError> {
        let span = telemetry::publish(plan.id);
        let prepared = span.in_scope(|| self.minter.prepare(plan, Timestamp::now()));
        let prepared = prepared.map_err(|cause| SubmitError::Prepare(Box::new(cause)))?;
        let receipt = self.jobs.publish(prepared.outgoing).await;
        let not_after = prepared.message.not_after;
        Ok(Sent { receipt, answer: None, report: Box::new(prepared.report), not_after, _span: span })
    }

    /// Sends a whole batch and tells each job, in order, when it is enqueued. Stops sending at the first failure
    /// and waits for what is under way.
    pub async fn submit_all<P, F>(&self, plans: P, on_confirmed: F) -> Submitted
    where
        P: IntoIterator<Item = io::Result<JobPlan>>,
        F: FnMut(&JobPlan) -> io::Result<()>,
    {
        let span = telemetry::submit(self.minter.traceparent());
        self.send_all(plans, Line::new(self, on_confirmed)).instrument(span).await
    }

    async fn send_all<P, F>(&self, plans: P, mut line: Line<'_, F>) -> Submitted
    where
        P: IntoIterator<Item = io::Result<JobPlan>>,
        F: FnMut(&JobPlan) -> io::Result<()>,
    {
        for plan in plans {
            line.make_room().await;
            if line.done.error.is_some() {
                break;
            }
            match plan {
                Ok(plan) => line.send(plan).await,
                Err(error) => line.done.error = Some(SubmitError::Spool(error)),
            }
        }
        line.finish().await
    }
}

/// A job under way, and what to say once the broker has it.
struct Sent {
    receipt: Receipt,
    /// What the receipt gave, once it was asked and had something to give.
    answer: Option<Result<(), PublishError>>,
    report: Box<Report>,
    not_after: Timestamp,
    /// It ends when the broker has the job.
    _span: tracing::Span,
}

impl Sent {
    /// Whether the broker has answered; waits for nothing.
    fn is_answered(&mut self) -> bool {
        if self.answer.is_none() {
            self.answer = (&mut self.receipt).now_or_never();
        }
        self.answer.is_some()
    }
}

/// A batch under way: jobs sent, then reports sent, each oldest first. Both are bounded by [`WINDOW`].
struct Line<'a, F> {
    submitter: &'a Submitter,
    jobs: VecDeque<(JobPlan, Sent)>,
    reports: VecDeque<(JobPlan, Receipt)>,
    done: Submitted,
    on_confirmed: F,
}

impl<'a, F> Line<'a, F>
where
    F: FnMut(&JobPlan) -> io::Result<()>,
{
    fn new(submitter: &'a Submitter, on_confirmed: F) -> Self {
        let done = Submitted { confirmed: 0, unknown: 0, error: None };
        Self { submitter, jobs: VecDeque::new(), reports: VecDeque::new(), done, on_confirmed }
    }

    async fn send(&mut self, plan: JobPlan) {
        match self.submitter.send(&plan).await {
            Ok(sent) => self.jobs.push_back((plan, sent)),
            Err(error) => self.fail(error),
        }
    }

    /// Waits until one more job may be sent. Reports what is confirmed meanwhile: a producer that is killed leaves
    /// few jobs of which nobody knows.
    async fn make_room(&mut self) {
        while self.jobs.len() >= WINDOW || self.jobs.front_mut().is_some_and(|(_, sent)| sent.is_answered()) {
            self.confirm_job().await;
        }
    }

    /// Waits for everything under way.
    async fn finish(mut self) -> Submitted {
        while !self.jobs.is_empty() {
            self.confirm_job().await;
        }
        while !self.reports.is_empty() {
            self.confirm_report().await;
        }
        self.done
    }

    async fn confirm_job(&mut self) {
        let Some((plan, sent)) = self.jobs.pop_front() else { return };
        let answer = match sent.answer {
            Some(answer) => answer,
            None => sent.receipt.await,
        };
        match answer {
            Ok(()) => {
                if self.reports.len() >= WINDOW {
                    self.confirm_report().await;
                }
                let receipt = self.submitter.report(&sent.report).await;
                self.reports.push_back((plan, receipt));
            }
            Err(cause) => {
                self.done.unknown += u64::from(cause.is_ambiguous());
                self.fail(refused(&plan, cause));
            }
        }
    }

    async fn confirm_report(&mut self) {
        let Some((plan, receipt)) = self.reports.pop_front() else { return };
        match receipt.await {
            Ok(()) => {
                self.done.confirmed += 1;
                if let Err(error) = (self.on_confirmed)(&plan) {
                    self.fail(SubmitError::Sink(error));
                }
            }
            Err(cause) => {
                self.done.unknown += 1;
                self.fail(unreported(&plan, cause));
            }
        }
    }

    /// The first failure is the one to tell; those behind it follow from it.
    fn fail(&mut self, error: SubmitError) {
        self.done.error.get_or_insert(error);
    }
}

fn refused(plan: &JobPlan, cause: PublishError) -> SubmitError {
    SubmitError::Publish { job: plan.id, cause: Box::new(cause) }
}

fn unreported(plan: &JobPlan, cause: PublishError) -> SubmitError {
    SubmitError::Report { job: plan.id, cause: Box::new(cause) }
}
