//! Traces of submissions, if `telemetry.otlp_endpoint` is set: a span `submit` a run, which goes on where TRACEPARENT
//! says, and `publish` a job below it, which its message hands on. Nothing but ids of jobs is in them.

use std::time::Duration;

use tracing::{Span, info_span};
use tracing_subscriber::{Layer, Registry};
use valet_protocol::JobId;
use valet_telemetry::{Sender, Service};

use crate::cli::Globals;
use crate::config;

/// How long the last spans may take on their way out, at the end of a command.
const FLUSH_TIME: Duration = Duration::from_secs(2);

/// The layer that collects spans.
pub(crate) type Traces = Box<dyn Layer<Registry> + Send + Sync>;

/// The layer, and what sends; nothing when traces are off. Wrong settings are told where all of them are read.
pub(crate) fn set_up(globals: &Globals) -> Option<(Traces, Sender)> {
    let endpoint = config::otlp_endpoint(&globals.set, globals.config.as_deref())?;
    let instance = format!("valet-{}", std::process::id());
    let service = Service { name: "valet", version: env!("CARGO_PKG_VERSION"), instance };
    match valet_telemetry::set_up(&endpoint, service) {
        Ok((layer, sender)) => Some((layer.boxed(), sender)),
        Err(error) => {
            // There is no log yet, and no trace is worth a failure.
            eprintln!("valet: no traces: {error}");
            None
        }
    }
}

/// Does `work` while spans are sent, and sends the rest of them.
pub(crate) async fn during<T>(sender: Option<Sender>, work: impl Future<Output = T>) -> T {
    let sending = sender.map(Sender::start);
    let done = work.await;
    if let Some(sending) = sending {
        sending.finish(FLUSH_TIME).await;
    }
    done
}

/// The span of a submission.
pub(crate) fn submit(traceparent: Option<&str>) -> Span {
    let span = info_span!(target: "valet_trace", "submit");
    if let Some(traceparent) = traceparent {
        valet_telemetry::continue_trace(&span, traceparent);
    }
    span
}

/// The span of one job's way to the broker.
pub(crate) fn publish(job: JobId) -> Span {
    info_span!(target: "valet_trace", "publish", job.id = %job)
}

/// What a message hands on: where this thread's span stands, if traces are on.
pub(crate) fn traceparent() -> Option<String> {
    valet_telemetry::trace_context(&Span::current()).map(String::from)
}
