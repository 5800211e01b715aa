//! What the worker says about one job, as reports on the exchange `events`.
//!
//! Nothing of it may hold up the work: what is on the way is told once and not waited for. The last word is
//! told until the broker has confirmed it. It must never carry a grant; its types cannot.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use valet_broker::topology::names;
use valet_broker::{Outgoing, PublishError, Publisher};
use valet_protocol::{JobId, Lane, Progress, Report, ReportData, WorkerName};

/// How long a report on the way may wait for room in the publisher's window before it is left out.
const PATIENCE: Duration = Duration::from_secs(2);

/// Pause before the last word is told again.
const PAUSE: Duration = Duration::from_secs(2);

/// Tells about one attempt of one job.
#[derive(Debug)]
pub struct Reporter {
    publisher: Publisher,
    job: JobId,
    lane: Lane,
    attempt: u32,
    worker: WorkerName,
    progress_sequence: AtomicU32,
}

impl Reporter {
    /// A reporter for this attempt.
    #[must_use]
    pub fn new(publisher: Publisher, worker: WorkerName, job: JobId, lane: Lane, attempt: u32) -> Self {
        Self { publisher, job, lane, attempt, worker, progress_sequence: AtomicU32::new(0) }
    }

    /// Tells something on the way. It is lost when the broker is away or slow, which the log says.
    pub async fn tell(&self, data: ReportData) {
        let message = outgoing(&self.report(data));
        match tokio::time::timeout(PATIENCE, self.publisher.publish(message)).await {
            // The publisher keeps it until it is confirmed; nobody needs to wait for that.
            Ok(receipt) => drop(receipt),
            Err(_) => tracing::debug!("a report was left out: the broker takes none at present"),
        }
    }

    /// Tells how far the codec is.
    pub async fn tell_progress(&self, progress: Progress) {
        let sequence = self.progress_sequence.fetch_add(1, Ordering::Relaxed) + 1;
        self.tell(ReportData::Progress(Progress { sequence, ..progress })).await;
    }

    /// Tells the last word and returns once the broker has it; tries for as long as it is polled. Its id is the
    /// same each time, so that a second copy does no harm.
    pub async fn tell_last(&self, data: ReportData) {
        let report = self.report(data);
        while let Err(error) = self.publisher.publish(outgoing(&report)).await.await {
            log_refused(&error);
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn report(&self, data: ReportData) -> Report {
        Report {
            job: self.job,
            lane: self.lane.clone(),
            attempt: self.attempt,
            redelivery: 0,
            worker: self.worker.clone(),
            time: Timestamp::now(),
            data,
        }
    }
}

fn log_refused(error: &PublishError) {
    let error = crate::logs::chain(error);
    tracing::warn!(error, "the broker has not taken the last report of the job; it is told again");
}

fn outgoing(report: &Report) -> Outgoing {
    let event = report.to_event();
    let mut message = Outgoing::new(names::EVENTS, report.routing_key(), report.id(), &event.body);
    message.type_ = Some(report.kind().event_type().to_owned());
    message.content_type = Some(event.content_type.to_string());
    message.headers = event.headers.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
    message.timestamp = Some(report.time);
    message
}
