//! Sends planned jobs with a window of unconfirmed publishes. Order of sending is the order of the plans.
//! Must never report a job as enqueued before the broker has confirmed it.

use std::collections::VecDeque;
use std::io;

use jiff::Timestamp;
use valet_broker::{BrokerConfig, Publisher, PublisherOptions, Purpose, Receipt, Session};

use super::error::SubmitError;
use super::minter::JobMinter;
use crate::batch::JobPlan;

/// Jobs that may be sent and not yet confirmed; beyond it throughput hardly grows.
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
    publisher: Publisher,
}

/// What became of a batch.
#[derive(Debug)]
pub struct Submitted {
    /// Jobs that are on the broker.
    pub confirmed: u64,
    /// Jobs that may be on the broker: sent, and neither confirmed nor refused.
    pub unknown: u64,
    /// Why the batch did not end well. Jobs after the failing one were not sent.
    pub error: Option<SubmitError>,
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
        let publisher = session.publisher_with(PublisherOptions::bulk());
        Self { minter, session, publisher }
    }

    /// The session, to read reports over it.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What mints the jobs.
    pub fn minter(&self) -> &JobMinter {
        &self.minter
    }

    /// Mints, encodes and sends one job; the receipt resolves when the broker has it.
    ///
    /// # Errors
    /// When the job has no message. Nothing was sent then.
    pub async fn send(&self, plan: &JobPlan) -> Result<Receipt, SubmitError> {
        let prepared = self.minter.prepare(plan, Timestamp::now());
        let prepared = prepared.map_err(|cause| SubmitError::Prepare(Box::new(cause)))?;
        Ok(self.publisher.publish(prepared.outgoing).await)
    }

    /// Sends a whole batch and tells each job, in order, when it is confirmed. Stops sending at the first
    /// failure and waits for what is under way.
    pub async fn submit_all<P, F>(&self, plans: P, mut on_confirmed: F) -> Submitted
    where
        P: IntoIterator<Item = io::Result<JobPlan>>,
        F: FnMut(&JobPlan) -> io::Result<()>,
    {
        let mut sent = InFlight::default();
        let mut done = Submitted { confirmed: 0, unknown: 0, error: None };
        for plan in plans {
            if sent.is_full() {
                sent.confirm_first(&mut done, &mut on_confirmed).await;
            }
            if done.error.is_some() {
                break;
            }
            let receipt = match plan {
                Ok(plan) => self.send(&plan).await.map(|receipt| (plan, receipt)),
                Err(error) => Err(SubmitError::Spool(error)),
            };
            match receipt {
                Ok(pair) => sent.0.push_back(pair),
                Err(error) => done.error = Some(error),
            }
        }
        while !sent.0.is_empty() {
            sent.confirm_first(&mut done, &mut on_confirmed).await;
        }
        done
    }
}

/// Jobs sent and not yet known to be confirmed, oldest first.
#[derive(Default)]
struct InFlight(VecDeque<(JobPlan, Receipt)>);

impl InFlight {
    fn is_full(&self) -> bool {
        self.0.len() >= WINDOW
    }

    async fn confirm_first<F>(&mut self, done: &mut Submitted, on_confirmed: &mut F)
    where
        F: FnMut(&JobPlan) -> io::Result<()>,
    {
        let Some((plan, receipt)) = self.0.pop_front() else { return };
        let error = match receipt.await {
            Ok(()) => {
                done.confirmed += 1;
                on_confirmed(&plan).map_err(SubmitError::Sink).err()
            }
            Err(cause) => {
                done.unknown += u64::from(cause.is_ambiguous());
                Some(SubmitError::Publish { job: plan.id, cause: Box::new(cause) })
            }
        };
        // The first failure is the one to tell; those behind it follow from it.
        done.error = done.error.take().or(error);
    }
}
