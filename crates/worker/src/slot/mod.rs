//! One slot: takes one delivery at a time, has it done, and brings it to its end.

mod hand;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tracing::{Instrument as _, Span, info_span};
use valet_broker::{Delivery, Feed, FeedOptions, Publisher, Session};
use valet_protocol::JobMessage;

use crate::cause::Cause;
use crate::codec::escape;
use crate::conclude::Conclusion;
use crate::disposition::{End, Standing};
use crate::gate::Gate;
use crate::job::Worker;
use crate::memo::Key;
use crate::reports::{Reporter, Turn};
use crate::stop::{Phase, Stop};
use crate::telemetry;
use crate::terms::{Terms, TermsWatch};
use crate::unreadable::Refusal;

/// A slot's share of the worker.
#[derive(Debug, Clone)]
pub struct Slot {
    /// What all slots share.
    pub worker: Arc<Worker>,
    /// Where reports go.
    pub publisher: Publisher,
    /// Whether jobs may be taken.
    pub gate: Gate,
    /// When to stop.
    pub stop: Stop,
    /// On which terms the broker lends jobs.
    pub terms: TermsWatch,
}

impl Slot {
    /// Takes jobs until told to stop.
    pub async fn run(self, session: Session) {
        while self.may_take().await {
            let mut feed = session.feed(FeedOptions::new(self.worker.name.as_str()));
            let ended = self.take_from(&mut feed).await;
            // Whatever came in that very moment goes back: a job must not wait behind a closed gate.
            feed.close().await;
            if ended.is_break() {
                return;
            }
        }
    }

    /// Waits until jobs may be taken; false when none is taken any more.
    async fn may_take(&self) -> bool {
        tokio::select! {
            biased;
            () = self.stop.reached(Phase::Draining) => false,
            () = self.gate.opened() => true,
        }
    }

    /// Takes one job after the other for as long as the gate is open; breaks off when none will come any more.
    async fn take_from(&self, feed: &mut Feed) -> ControlFlow<()> {
        loop {
            let delivery = tokio::select! {
                biased;
                () = self.stop.reached(Phase::Draining) => return ControlFlow::Break(()),
                () = self.gate.closed() => return ControlFlow::Continue(()),
                delivery = feed.next() => delivery,
            };
            match delivery {
                Some(delivery) => self.handle(delivery).await,
                None => return ControlFlow::Break(()),
            }
        }
    }

    async fn handle(&self, delivery: Delivery) {
        let taken = Instant::now();
        // Before a byte of it is read: the broker has proven who published it, the message proves nothing.
        if !self.worker.takes_from(delivery.user_id()) {
            let user = delivery.user_id().map(escape);
            return self.refuse(delivery, Cause::Stranger(user)).await;
        }
        match JobMessage::decode(delivery.body()) {
            Ok(message) => {
                let (message, shut) = self.worker.fleet.open(message);
                let turn = turn(&delivery, &message);
                let span = job_span(&turn);
                telemetry::go_on(&span, &delivery);
                self.handle_job(delivery, &message, shut, turn, taken).instrument(span).await;
            }
            Err(error) => self.refuse(delivery, Cause::Message(error)).await,
        }
    }

    async fn handle_job(
        &self,
        delivery: Delivery,
        message: &JobMessage,
        shut: Option<Cause>,
        turn: Turn,
        taken: Instant,
    ) {
        tracing::info!(preset = message.preset.name, redelivery = turn.redelivery, "took a job");
        let standing = standing(&delivery, message, &self.terms.now());
        let reports = self.reporter(turn);
        let _in_hand = self.worker.metrics.take(standing.stage, delivery.redelivered());
        let key = Key::new(message.id, delivery.body());
        let conclusion = Conclusion { key: Some(key), ..self.conclusion(&standing, message) };
        // Held until it is settled: a copy in another slot waits for how it ends.
        let alone = match self.alone(&delivery, key, &reports).await {
            Ok(alone) => alone,
            Err(interruption) => {
                return conclusion.conclude(delivery, Some(&reports), interruption.into()).await;
            }
        };
        if let Some(ended) = self.ended_before(&delivery, &key) {
            return conclusion.repeat(delivery, Some(&reports), ended).await;
        }
        let end = match shut {
            Some(cause) => stay_shut(message, cause),
            None => self.attend(&delivery, message, &reports, taken, &alone).await,
        };
        conclusion.conclude(delivery, Some(&reports), end).await;
    }

    async fn refuse(&self, delivery: Delivery, cause: Cause) {
        let Self { worker, publisher, stop, terms, .. } = self;
        Refusal { worker, publisher, stop, terms }.conclude(delivery, cause).await;
    }

    fn conclusion<'a>(&'a self, standing: &'a Standing, job: &'a JobMessage) -> Conclusion<'a> {
        Conclusion { stop: &self.stop, standing, worker: &self.worker, job: Some(job), key: None }
    }

    fn reporter(&self, turn: Turn) -> Reporter {
        Reporter::new(self.publisher.clone(), self.worker.name.clone(), turn)
    }
}

/// The end of a job whose grants do not open; one whose time is over needs new ones in any case.
fn stay_shut(message: &JobMessage, cause: Cause) -> End {
    End::Failed(if message.not_after <= Timestamp::now() { Cause::TooLate(message.not_after) } else { cause })
}

/// Who this hand-over is: the attempts under earlier grants, and the stage that the broker's queue tells.
#[must_use]
pub fn turn(delivery: &Delivery, message: &JobMessage) -> Turn {
    let attempt = message.attempts_before.saturating_add(delivery.stage().number());
    // Without a count of the broker's own, once is what is known.
    let times = delivery.delivery_count().max(u64::from(delivery.redelivered()));
    let redelivery = u32::try_from(times).unwrap_or(u32::MAX);
    Turn { job: message.id, lane: message.lane.clone(), attempt, redelivery }
}

/// Where a job stands that ends now.
#[must_use]
pub fn standing(delivery: &Delivery, message: &JobMessage, terms: &Terms) -> Standing {
    let stage = delivery.stage().number();
    let attempt = message.attempts_before.saturating_add(stage);
    let may_hand_back = terms.may_hand_back(delivery.delivery_count());
    Standing { attempt, stage, remints: message.remints, delays_seconds: terms.delays_seconds, may_hand_back }
}

/// The span that everything about a job is logged in.
#[must_use]
pub fn job_span(turn: &Turn) -> Span {
    let Turn { job, lane, attempt, .. } = turn;
    info_span!(target: crate::logs::JOB_TARGET, "job", job.id = %job, %lane, attempt)
}
