//! Ended spans on their way to the sender: bounded, and dropped when it is full. Nobody ever waits here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::mpsc;

/// Spans that may wait: some MiB at the most.
const SPANS_MAX: usize = 4096;

/// The end of the queue that spans enter by.
#[derive(Debug)]
pub(crate) struct Queue {
    spans: mpsc::Sender<SpanData>,
    dropped: Arc<AtomicU64>,
}

/// The other end.
#[derive(Debug)]
pub(crate) struct Spans {
    pub(crate) spans: mpsc::Receiver<SpanData>,
    /// How many found no room.
    pub(crate) dropped: Arc<AtomicU64>,
}

impl Queue {
    pub(crate) fn new() -> (Self, Spans) {
        let (sender, receiver) = mpsc::channel(SPANS_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        (Self { spans: sender, dropped: dropped.clone() }, Spans { spans: receiver, dropped })
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.spans.try_send(span).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
