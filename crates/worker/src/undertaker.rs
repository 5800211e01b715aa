//! Jobs that the broker itself took off their stages: they ended every worker that took them, or their time was over.
//! Somebody has to say so, and to file them where people and the reminter look.
//!
//! Nothing is ever executed from here. Storage is asked once whether the output is there: a worker may have stored it
//! and died before it could say so.

use std::sync::Arc;

use tracing::Instrument as _;
use valet_blob::EarlierAttempt;
use valet_broker::{EndedFeed, EndedJob, Ending, Publisher};
use valet_protocol::JobMessage;

use crate::cause::Cause;
use crate::conclude::{Conclusion, unless_interrupted};
use crate::disposition::{End, Standing};
use crate::job::Worker;
use crate::reports::{Reporter, Turn};
use crate::slot;
use crate::stop::{Phase, Stop};
use crate::terms::TermsWatch;
use crate::unreadable::Refusal;

/// One task of each worker.
#[derive(Debug)]
pub struct Undertaker {
    /// What all of the worker share.
    pub worker: Arc<Worker>,
    /// Where reports go.
    pub publisher: Publisher,
    /// When to stop.
    pub stop: Stop,
    /// On which terms the broker lends jobs.
    pub terms: TermsWatch,
}

impl Undertaker {
    /// Files what the broker has ended, until told to stop.
    pub async fn run(self, mut feed: EndedFeed) {
        loop {
            let job = tokio::select! {
                biased;
                () = self.stop.reached(Phase::Draining) => return,
                job = feed.next() => job,
            };
            let Some(job) = job else { return };
            self.file(job).await;
        }
    }

    async fn file(&self, job: EndedJob) {
        match JobMessage::decode(job.body()) {
            Ok(message) => {
                // Grants that stay shut cannot be asked with; the job's end is told all the same.
                let (message, _) = self.worker.fleet.open(message);
                // How often it was given out *here* is nobody's matter.
                let turn = Turn { redelivery: 0, ..slot::turn(&job, &message) };
                let span = slot::job_span(&turn);
                self.file_job(job, &message, turn).instrument(span).await;
            }
            Err(error) => self.file_other(job, Cause::Message(error)).await,
        }
    }

    async fn file_job(&self, job: EndedJob, message: &JobMessage, turn: Turn) {
        // Behind the stages nothing is left to be saved by a retry: what is not filed goes back.
        let standing = Standing { may_hand_back: true, ..slot::standing(&job, message, &self.terms.now()) };
        let reports = self.reporter(turn);
        let end = Box::pin(self.end_of(&job, message));
        let end = match unless_interrupted(&self.stop, &job.lease(), end).await {
            Ok(end) => end,
            Err(interruption) => interruption.into(),
        };
        self.conclusion(&standing, message).conclude(job, Some(&reports), end).await;
    }

    async fn end_of(&self, job: &EndedJob, message: &JobMessage) -> End {
        // Even one that expired in its first stage may have been in a worker's hands before: the broker does not say.
        let earlier = EarlierAttempt::Possible;
        let order = self.worker.cancels.order_for(&message.key(), message.submitted_at);
        if let Some(order) = order {
            return self.worker.cancel(message, earlier, &order).await;
        }
        if let Some(success) = self.worker.stored_earlier(message, earlier).await {
            return End::Succeeded(Box::new(success));
        }
        End::Failed(match job.ending() {
            Ending::Expired => Cause::EndedInQueue(message.not_after),
            Ending::Lost { deliveries } => Cause::WorkerLost { deliveries: Some(deliveries.into()) },
            Ending::Other => Cause::WorkerLost { deliveries: None },
        })
    }

    /// A message that is no job, and that no worker came to look into.
    async fn file_other(&self, job: EndedJob, cause: Cause) {
        let Self { worker, publisher, stop, terms } = self;
        Refusal { worker, publisher, stop, terms }.conclude(job, cause).await;
    }

    fn conclusion<'a>(&'a self, standing: &'a Standing, job: &'a JobMessage) -> Conclusion<'a> {
        Conclusion { stop: &self.stop, standing, worker: &self.worker, job: Some(job), key: None }
    }

    fn reporter(&self, turn: Turn) -> Reporter {
        Reporter::new(self.publisher.clone(), self.worker.name.clone(), turn)
    }
}
