//! Traces of jobs, if `telemetry.otlp_endpoint` is set: one span a turn, which goes on where the message's
//! `traceparent` says, and one a phase below it. No text of a message but its id and its lane is in them.

use std::time::Duration;

use tracing::{Span, info_span};
use tracing_subscriber::Layer as _;
use valet_broker::Delivery;
use valet_daemon::logs::Traces;
use valet_protocol::{JobMessage, amqp};
use valet_telemetry::{Sender, Service, TelemetryError};

use crate::config::Config;
use crate::disposition::{Class, Decision};
use crate::job::Worker;
use crate::stop::Phase;

/// How long the last spans may take on their way out.
const FLUSH_TIME: Duration = Duration::from_secs(3);

/// The same once the worker must end: whoever stopped it waits, and a collector that is there answers within this.
const LAST_FLUSH_TIME: Duration = Duration::from_millis(250);

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

/// Does `work` while spans are sent, and sends the rest of them, in the time that the phase which it ended in leaves.
///
/// # Errors
/// Those of `work`.
pub async fn during<E>(
    sender: Option<Sender>,
    work: impl Future<Output = Result<Phase, E>>,
) -> Result<Phase, E> {
    let sending = sender.map(Sender::start);
    let done = work.await;
    if let Some(sending) = sending {
        let time = if matches!(done, Ok(Phase::Ending)) { LAST_FLUSH_TIME } else { FLUSH_TIME };
        sending.finish(time).await;
    }
    done
}

/// The span of a phase of a job: `admit`, `open`, `transcode` or `fetch`, `check`, `store`, `report`, `settle`.
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[tokio::test]
    async fn a_collector_that_never_answers_does_not_hold_up_a_hard_stop() {
        valet_blob::http::install_crypto();
        let collector = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", collector.local_addr().unwrap()).parse().unwrap();
        let service = Service { name: "test", version: "1", instance: "here".to_owned() };
        let (layer, sender) = valet_telemetry::set_up(&endpoint, service).unwrap();
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || phase("store").in_scope(|| ()));
        let begun = Instant::now();
        let done = during(Some(sender), async { Ok::<_, ()>(Phase::Ending) }).await;
        let took = begun.elapsed();
        assert!(took < FLUSH_TIME && done == Ok(Phase::Ending), "{took:?}");
        collector.set_nonblocking(true).unwrap();
        assert!(collector.accept().is_ok(), "there was a span to be sent");
    }
}
