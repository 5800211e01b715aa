//! One slot's source of jobs: the handle. [`pull`] talks to the broker.

mod pull;

use crate::{
    Delivery, Disposition, NumbersWatch, Publisher,
    link::{Link, RPC},
};
use pull::Pull;
use std::time::Duration;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

/// How a slot is fed.
#[derive(Clone, Debug)]
pub struct FeedOptions {
    /// Written into dead letters (header `valet-worker`).
    pub worker: String,
    /// At most this often the retry stages are looked at.
    pub retry_poll: Duration,
}

impl FeedOptions {
    /// Defaults (retry stages each second) for the worker of this name.
    pub fn new(worker: impl Into<String>) -> Self {
        Self { worker: worker.into(), retry_poll: Duration::from_secs(1) }
    }
}

/// One slot's source of jobs. At most one unsettled [`Delivery`] exists per feed, and the broker
/// holds no further job for it: a feed asks only while somebody waits in [`Feed::next`].
#[derive(Debug)]
pub struct Feed {
    wants: mpsc::Sender<()>,
    jobs: mpsc::Receiver<Delivery>,
    /// A want is out and not yet answered.
    asked: bool,
    task: JoinHandle<()>,
}

impl Feed {
    pub(crate) fn start(
        link: Link,
        publisher: Publisher,
        options: FeedOptions,
        numbers: NumbersWatch,
    ) -> Self {
        let (wants, wanted) = mpsc::channel(1);
        let (found, jobs) = mpsc::channel(1);
        let task = tokio::spawn(Pull::new(link, publisher, options, numbers).run(wanted, found));
        Self { wants, jobs, asked: false, task }
    }

    /// The next job; waits for as long as it takes, over reconnects, and until the job before is
    /// settled. `None` once the session is closed.
    ///
    /// Cancel-safe: a job that arrived while nobody waited is given to the next call.
    pub async fn next(&mut self) -> Option<Delivery> {
        if !self.asked {
            self.wants.send(()).await.ok()?;
            self.asked = true;
        }
        let job = self.jobs.recv().await;
        self.asked = false;
        job
    }

    /// Stops taking jobs and hands back one that arrived but was not yet given out. A delivery in
    /// hand stays valid and must still be settled.
    pub async fn close(mut self) {
        drop(self.wants);
        self.jobs.close();
        while let Some(job) = self.jobs.recv().await {
            if let Err(error) = job.settle(Disposition::HandBack).await {
                tracing::debug!(%error, "a job not given out went back by itself");
            }
        }
        // It may be in the middle of a call to a broker that does not answer.
        if timeout(RPC, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}
