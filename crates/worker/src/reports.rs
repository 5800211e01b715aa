//! What the worker says about one job, as reports on the exchange `events`.
//!
//! Nothing of it may hold up the work: what is on the way is told once and not waited for. The last word is
//! told until the broker has confirmed it. It must never carry a grant; its types cannot.

use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use valet_broker::{Outgoing, PublishError, Publisher};
use valet_protocol::{JobId, Lane, Progress, Report, ReportData, WorkerName};

/// How long a report on the way may wait for room in the publisher's window before it is left out.
const PATIENCE: Duration = Duration::from_secs(2);

/// Pause before the last word is told again.
const PAUSE: Duration = Duration::from_secs(2);

/// Longest silence about a job in hand: with [`PATIENCE`] a reader hears of it every 10 s.
const SILENCE: Duration = Duration::from_secs(8);

/// The phase before the input is open.
const WAITING: &str = "waiting";

/// One hand-over of one job.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The job.
    pub job: JobId,
    /// Whose work it is.
    pub lane: Lane,
    /// The attempt's number over all grants, from 1.
    pub attempt: u32,
    /// How often the broker has given this attempt out before, as far as it tells: see `Delivery::delivery_count`.
    pub redelivery: u32,
}

/// Tells about one hand-over of one job.
#[derive(Debug)]
pub struct Reporter {
    publisher: Publisher,
    worker: WorkerName,
    turn: Turn,
    said: Mutex<Said>,
}

/// What was told last.
#[derive(Debug)]
struct Said {
    at: Instant,
    /// How far the job is; told again when there is nothing new.
    progress: Progress,
}

impl Reporter {
    /// A reporter for this hand-over.
    #[must_use]
    pub fn new(publisher: Publisher, worker: WorkerName, turn: Turn) -> Self {
        let progress = Progress { phase: WAITING.into(), ..Progress::default() };
        Self { publisher, worker, turn, said: Mutex::new(Said { at: Instant::now(), progress }) }
    }

    /// Tells something on the way. It is lost when the broker is away or slow, which the log says.
    pub async fn tell(&self, data: ReportData) {
        self.said().at = Instant::now();
        let message = Outgoing::report(&self.report(data));
        match tokio::time::timeout(PATIENCE, self.publisher.publish(message)).await {
            // The publisher keeps it until it is confirmed; nobody needs to wait for that.
            Ok(receipt) => drop(receipt),
            Err(_) => tracing::debug!("a report was left out: the broker takes none at present"),
        }
    }

    /// Tells how far the job is.
    pub async fn tell_progress(&self, progress: Progress) {
        let told = {
            let mut said = self.said();
            let sequence = said.progress.sequence + 1;
            said.progress = Progress { sequence, ..progress };
            said.progress.clone()
        };
        self.tell(ReportData::Progress(told)).await;
    }

    /// Does `work`, and says every few seconds that the job is still in hand, whatever it waits for: a worker that
    /// has vanished shows by its silence.
    pub async fn while_beating<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            done = work => done,
            // Never ends; a slow broker holds up the telling alone.
            never = self.beat() => match never {},
        }
    }

    async fn beat(&self) -> Infallible {
        loop {
            let (silence, progress) = {
                let said = self.said();
                (said.at.elapsed(), said.progress.clone())
            };
            match SILENCE.checked_sub(silence) {
                Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
                _ => self.tell_progress(progress).await,
            }
        }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the last word and returns once the broker has it; tries for as long as it is polled. Its id is the
    /// same each time, so that a second copy does no harm; `attempt` is the one that ended so, be it an earlier one.
    pub async fn tell_last(&self, attempt: u32, data: ReportData) {
        let report = Report { attempt, ..self.report(data) };
        while let Err(error) = self.publisher.publish(Outgoing::report(&report)).await.await {
            log_refused(&error);
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn report(&self, data: ReportData) -> Report {
        let Turn { job, lane, attempt, redelivery } = self.turn.clone();
        Report { job, lane, attempt, redelivery, worker: self.worker.clone(), time: Timestamp::now(), data }
    }
}

fn log_refused(error: &PublishError) {
    let error = crate::logs::chain(error);
    tracing::warn!(error, "the broker has not taken the last report of the job; it is told again");
}
