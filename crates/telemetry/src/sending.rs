//! Sends spans in batches. A collector that is away costs one line in the log, and the spans of that time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::Endpoint;
use crate::queue::Spans;

/// Most spans of one request.
const BATCH_SPANS_MAX: usize = 512;

/// How long a span may wait for others to go with it.
const BATCH_WAIT: Duration = Duration::from_secs(1);

/// What sends spans, once it is started.
#[derive(Debug)]
pub struct Sender {
    exporter: opentelemetry_otlp::SpanExporter,
    queue: Spans,
    /// Spans are collected for as long as it lives.
    _provider: SdkTracerProvider,
    endpoint: Endpoint,
    is_away: bool,
}

/// A sender at work.
#[derive(Debug)]
pub struct Sending {
    task: JoinHandle<()>,
    end: oneshot::Sender<()>,
}

impl Sending {
    /// Sends what has ended so far, for `limit` at the most.
    pub async fn finish(mut self, limit: Duration) {
        // An error means that the task has ended, which is all that is wanted.
        let _ = self.end.send(());
        if tokio::time::timeout(limit, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Sender {
    pub(crate) fn new(
        exporter: opentelemetry_otlp::SpanExporter,
        queue: Spans,
        provider: SdkTracerProvider,
        endpoint: Endpoint,
    ) -> Self {
        Self { exporter, queue, _provider: provider, endpoint, is_away: false }
    }

    /// Sends from now on, in a task of this runtime.
    #[must_use]
    pub fn start(self) -> Sending {
        let (end, ended) = oneshot::channel();
        Sending { task: tokio::spawn(self.run(ended)), end }
    }

    async fn run(mut self, mut ended: oneshot::Receiver<()>) {
        loop {
            let batch = self.batch(&mut ended).await;
            if batch.is_empty() {
                break;
            }
            self.send(batch).await;
        }
        let dropped = self.queue.dropped.load(Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "spans were left out of traces: more ended than could be sent");
        }
    }

    /// The next spans; none when it has been told to end and there are no more.
    async fn batch(&mut self, ended: &mut oneshot::Receiver<()>) -> Vec<SpanData> {
        let spans = &mut self.queue.spans;
        let mut batch = Vec::new();
        let mut until = Instant::now();
        while batch.len() < BATCH_SPANS_MAX {
            let room = BATCH_SPANS_MAX - batch.len();
            let is_first = batch.is_empty();
            tokio::select! {
                // No more come in from then on, and the rest goes out without waiting for company.
                _ = &mut *ended, if !spans.is_closed() => spans.close(),
                got = spans.recv_many(&mut batch, room) => {
                    if got == 0 {
                        break;
                    }
                    if is_first {
                        until = Instant::now() + BATCH_WAIT;
                    }
                }
                () = sleep_until(until), if !is_first => break,
            }
        }
        batch
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        let sent = self.exporter.export(batch).await;
        let endpoint = self.endpoint.as_str();
        match &sent {
            Ok(()) if self.is_away => tracing::info!(endpoint, "the collector of traces takes them again"),
            Err(error) if !self.is_away => {
                tracing::warn!(endpoint, %error, "the collector takes no traces; they are left out");
            }
            _ => {}
        }
        self.is_away = sent.is_err();
    }
}
