//! Traces of jobs, if `telemetry.otlp_endpoint` is set: one span a turn, which goes on where the message's
//! `traceparent` says, and one a phase below it. No text of a message but its id and its lane is in them.

use std::time::Duration;

use tracing::{Span, info_span};
use tracing_subscriber::{Layer, Registry};
use valet_broker::Delivery;
use valet_protocol::{JobMessage, amqp};
use valet_telemetry::{Sender, Service, TelemetryError};

use crate::config::Config;
use crate::disposition::{Class, Decision};
use crate::job::Worker;

/// Target of the spans of jobs, which logs show too.
pub const JOB_TARGET: &str = "valet_trace::job";

/// How long the last spans may take on their way out.
const FLUSH_TIME: Duration = Duration::from_secs(3);

/// The layer that collects spans.
pub type Traces = Box<dyn Layer<Registry> + Send + Sync>;

/// The layer, and what sends; nothing when traces are off.
///
/// # Errors
/// When HTTPS or the exporter cannot be set up.
pub fn set_up(config: &Config) -> Result<Option<(Traces, Sender)>, TelemetryError> {
    let Some(endpoint) = &config.surroundings.otlp_endpoint else { return Ok(None) };
    let service =
        Service { name: "valet-worker", version: env!("CARGO_PKG_VERSION"), instance: config.name.clone() };
    let (layer, sender) = valet_telemetry::set_up(endpoint, service)?;
    Ok(Some((layer.boxed(), sender)))
}

/// Does `work` while spans are sent, and sends the rest of them.
pub async fn during<T>(sender: Option<Sender>, work: impl Future<Output = T>) -> T {
    let sending = sender.map(Sender::start);
    let done = work.await;
    if let Some(sending) = sending {
        sending.finish(FLUSH_TIME).await;
    }
    done
}

/// The span of a phase of a job: `admit`, `open`, `codec`, `check`, `store`, `report`, `settle`.
#[must_use]
pub fn phase(name: &'static str) -> Span {
    info_span!(target: "valet_trace", "phase", otel.name = name)
}

/// Makes the span of a job go on where the message says, if it says so.
pub fn go_on(job: &Span, delivery: &Delivery) {
    if let Some(traceparent) = delivery.header(amqp::TRACEPARENT) {
        valet_telemetry::continue_trace(job, traceparent);
    }
}

impl Worker {
    /// Notes how a turn at a job ended, or at a message that was no job: in metrics and traces.
    pub fn note_end(&self, job: Option<&JobMessage>, decision: &Decision) {
        self.metrics.end(job, decision);
        note_end(&Span::current(), decision);
    }
}

/// Notes on the span of a job how its turn ended.
fn note_end(job: &Span, decision: &Decision) {
    if decision.case.class() != Class::Done {
        let reason = decision.case.reason().map_or(decision.case.class().name(), |reason| reason.code());
        valet_telemetry::fail(job, reason);
    }
}
