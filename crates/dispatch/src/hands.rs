//! What is done with one message of a lane: sent on, or refused. Order is forced in both: everything is on the broker,
//! confirmed, before the message is acked, so that a crash in between gives it out once more and loses nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use valet_admission::{Policy, judge};
use valet_broker::{LaneDelivery, Outgoing, PublishError, Publisher};
use valet_daemon::logs::chain;
use valet_protocol::{JobId, Lane, LaneKind, LaneRecord, Priority, Reason, WorkerName, amqp};

use crate::metrics::Metrics;
use crate::turn::Bucket;
use crate::words::{self, End, Given};

/// Pause before a message goes back that could not be refused: `dead` is full, or the broker away.
const PAUSE: Duration = Duration::from_secs(2);

/// Dead letters of one partner in a minute, and as many at once. More would fill a queue that all lanes share; each
/// refusal is reported in any case.
const LETTERS_PER_MINUTE: u32 = 60;

/// Jobs that are remembered whose message may come again although they were sent on.
const SENT_MAX: usize = 1_024;

/// What the hands of one dispatcher share.
#[derive(Debug)]
pub struct Hands {
    /// Jobs.
    pub jobs: Publisher,
    /// Reports and refusals. Apart, so that a full queue of dead letters or of a partner's reports holds up no confirm.
    pub letters: Publisher,
    /// What every message must be like.
    pub policy: Policy,
    /// Who says so.
    pub name: WorkerName,
    /// What is counted.
    pub metrics: Metrics,
    /// Letters of partners, paced.
    pub paced: Mutex<BTreeMap<Lane, Bucket>>,
    /// Jobs that were sent on and whose message may come again.
    pub sent: Mutex<VecDeque<(Lane, JobId)>>,
}

/// What became of a message that was to be sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its job is in front of the workers.
    Sent,
    /// It was refused, or goes back to its lane.
    NotSent,
}

impl Hands {
    /// Judges a message again, since time has passed, and sends it on.
    pub async fn forward(&self, delivery: LaneDelivery, record: &LaneRecord, priority: Priority) -> Outcome {
        let now = Timestamp::now();
        let verdict = judge(delivery.body(), delivery.user_id(), record, priority, &self.policy, now);
        if let Some(end) = End::of_refusal(&verdict) {
            self.refuse(delivery, record, end).await;
            return Outcome::NotSent;
        }
        let Some(message) = &verdict.message else { return Outcome::NotSent };
        let key = (record.lane.clone(), message.id);
        if delivery.redelivered() && self.was_sent(&key) {
            self.ack(delivery, None).await;
            return Outcome::NotSent;
        }
        let job = match words::job(message, delivery.header(amqp::TRACEPARENT), now) {
            Ok(job) => job,
            Err(error) => {
                let end = too_large(&verdict, &error.to_string());
                self.refuse(delivery, record, end).await;
                return Outcome::NotSent;
            }
        };
        let told = (record.kind == LaneKind::Partner)
            .then(|| words::submitted(message, verdict.wall_seconds, &self.name, now));
        if let Err(error) = self.publish_job(told, job).await {
            self.give_back(delivery, &error).await;
            return Outcome::NotSent;
        }
        self.metrics.send(&record.lane);
        tracing::debug!(job.id = %key.1, lane = %key.0, "sent to the workers");
        self.ack(delivery, Some(key)).await;
        Outcome::Sent
    }

    /// Ends a message: tells, files, acks.
    pub async fn refuse(&self, delivery: LaneDelivery, record: &LaneRecord, end: End) {
        let given = Given {
            body: delivery.body(),
            message_id: delivery.message_id(),
            user_id: delivery.user_id(),
            traceparent: delivery.header(amqp::TRACEPARENT),
        };
        let report = words::ended(&end, &record.lane, &self.name, Timestamp::now());
        let letter = self.may_file(record).then(|| words::letter(&end, given, record, &self.name));
        tracing::info!(
            job.id = end.id.map(tracing::field::display),
            lane = %record.lane,
            reason = end.reason.code(),
            detail = end.detail.as_str(),
            "refused a message"
        );
        if let Err(error) = self.publish_end(report, letter).await {
            return self.give_back(delivery, &error).await;
        }
        self.metrics.refuse(&record.lane, end.reason);
        self.ack(delivery, None).await;
    }

    /// The submission first: whoever follows reports should know a job before its worker speaks of it. Nobody waits
    /// for its confirm: a partner's queue that is stuck must not make a job that was sent come again.
    async fn publish_job(&self, told: Option<Outgoing>, job: Outgoing) -> Result<(), PublishError> {
        if let Some(told) = told {
            drop(self.letters.publish(told).await);
        }
        self.jobs.publish(job).await.await
    }

    async fn publish_end(
        &self,
        report: Option<Outgoing>,
        letter: Option<Outgoing>,
    ) -> Result<(), PublishError> {
        for outgoing in report.into_iter().chain(letter) {
            self.letters.publish(outgoing).await.await?;
        }
        Ok(())
    }

    async fn give_back(&self, delivery: LaneDelivery, error: &PublishError) {
        tracing::warn!(error = chain(error), advice = error.advice(), "a message goes back to its lane");
        tokio::time::sleep(PAUSE).await;
        // What is not handed back goes back by itself, with its channel.
        let _ = delivery.hand_back().await;
    }

    async fn ack(&self, delivery: LaneDelivery, sent: Option<(Lane, JobId)>) {
        if let Err(error) = delivery.ack().await {
            tracing::debug!(error = chain(&error), "a message comes again that was dealt with");
            if let Some(sent) = sent {
                self.remember(sent);
            }
        }
    }

    fn remember(&self, key: (Lane, JobId)) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.len() >= SENT_MAX {
            sent.pop_front();
        }
        sent.push_back(key);
    }

    fn was_sent(&self, key: &(Lane, JobId)) -> bool {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    /// Whether one more letter of this lane may be filed. Our own producers are not paced.
    fn may_file(&self, record: &LaneRecord) -> bool {
        if record.kind == LaneKind::Own {
            return true;
        }
        let now = Instant::now();
        let mut paced = self.paced.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = paced
            .entry(record.lane.clone())
            .or_insert_with(|| Bucket::with_burst(LETTERS_PER_MINUTE, Duration::from_secs(60), now));
        let may = bucket.has(now);
        if may {
            bucket.take(now);
        }
        may
    }
}

fn too_large(verdict: &valet_admission::Verdict, detail: &str) -> End {
    End {
        reason: Reason::MessageTooLarge,
        detail: detail.into(),
        advice: Reason::MessageTooLarge.advice().to_owned(),
        id: verdict.id,
        message: verdict.message.clone(),
        is_lost: false,
    }
}
