//! A message that is no job, or that no job may be taken from: brought to its end unread. Nothing of it is ever done.

use tracing::{Instrument as _, info_span};
use valet_broker::{Delivery, Publisher};
use valet_protocol::{Lane, salvage_id};

use crate::cause::Cause;
use crate::codec::escape;
use crate::conclude::{Conclusion, Settle};
use crate::disposition::{End, Standing};
use crate::job::Worker;
use crate::reports::{Reporter, Turn};
use crate::slot::job_span;
use crate::stop::Stop;
use crate::terms::TermsWatch;

/// What it takes to end one.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// Whose end it is counted as.
    pub worker: &'a Worker,
    /// Where a report goes.
    pub publisher: &'a Publisher,
    /// When to stop.
    pub stop: &'a Stop,
    /// On which terms the broker lends jobs.
    pub terms: &'a TermsWatch,
}

impl Refusal<'_> {
    /// A dead letter, and a report if the message still says whose.
    pub async fn conclude(&self, message: impl Settle + AsRef<Delivery>, cause: Cause) {
        let delivery = message.as_ref();
        let id = salvage_id(delivery.body()).or_else(|| delivery.message_id()?.parse().ok());
        let attempt = delivery.stage().number();
        let turn = id.map(|job| Turn { job, lane: Lane::default(), attempt, redelivery: 0 });
        let span = match &turn {
            Some(turn) => job_span(turn),
            None => info_span!("delivery", message_id = delivery.message_id().map(escape), attempt),
        };
        let reporter = |turn| Reporter::new(self.publisher.clone(), self.worker.name.clone(), turn);
        let reports = turn.map(reporter);
        let standing = &Standing::of_no_job(attempt, &self.terms.now());
        let conclusion = Conclusion { stop: self.stop, standing, worker: self.worker, job: None, key: None };
        conclusion.conclude(message, reports.as_ref(), End::Failed(cause)).instrument(span).await;
    }
}
