//! Traces: what a program of this project did, as spans for a collector that speaks OTLP over HTTP.
//!
//! ```text
//! info_span!(target: "valet_trace", …) ─▶ layer ─▶ Queue (bounded) ─▶ Sending (a task) ─▶ collector
//! job message's traceparent ─▶ continue_trace        trace_context() ─▶ job message's traceparent
//! ```
//!
//! Only spans that carry the target [`TARGET`] leave the process, and no event ever does: what is said in logs is
//! written for the log's readers alone. It must never hold up or fail the work that it watches.

mod collector;
mod context;
mod queue;
mod sending;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, RetryPolicy, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

pub use collector::{Endpoint, EndpointError};
pub use context::{TraceContext, continue_trace, fail, trace_context};
pub use sending::{Sender, Sending};

use collector::Collector;
use queue::Queue;

/// Target of the spans that make up traces, and of logs' spans that do so too, below it:
/// `info_span!(target: "valet_trace", "store")`, `info_span!(target: "valet_trace::job", "job")`.
pub const TARGET: &str = "valet_trace";

/// Why there are no traces.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// HTTPS cannot be set up.
    #[error("cannot set up the way to the collector")]
    Client(#[source] reqwest::Error),
    /// The exporter refuses its settings.
    #[error("cannot set up the export of traces")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
}

/// Who sends.
#[derive(Debug, Clone)]
pub struct Service {
    /// The program, such as `valet-worker`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Which of its instances, such as the worker's name.
    pub instance: String,
}

/// A layer that collects spans, and what sends them; the sender must be started in the runtime. No task and no
/// thread is started here. The process's TLS provider must be installed before.
///
/// # Errors
/// When HTTPS or the exporter cannot be set up.
pub fn set_up<S>(
    endpoint: &Endpoint,
    service: Service,
) -> Result<(impl Layer<S> + Send + Sync + use<S>, Sender), TelemetryError>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let collector = Collector::new(endpoint).map_err(TelemetryError::Client)?;
    let mut exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(collector)
        .with_endpoint(endpoint.as_str())
        .with_protocol(Protocol::HttpJson)
        // Its retries would block a thread of the runtime; spans are not worth a second try.
        .with_retry_policy(RetryPolicy::disabled())
        .build()
        .map_err(TelemetryError::Exporter)?;
    let resource = resource(service);
    // The provider tells this to processors that own their exporter; ours does not.
    opentelemetry_sdk::trace::SpanExporter::set_resource(&mut exporter, &resource);
    let (queue, spans) = Queue::new();
    let provider = SdkTracerProvider::builder().with_resource(resource).with_span_processor(queue).build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("valet"))
        .with_location(false)
        .with_threads(false)
        .with_level(false)
        .with_target(false)
        .with_filter(filter_fn(|metadata| metadata.is_span() && is_traced(metadata.target())));
    Ok((layer, Sender::new(exporter, spans, provider, endpoint.clone())))
}

fn is_traced(target: &str) -> bool {
    target.strip_prefix(TARGET).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn resource(service: Service) -> Resource {
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", service.name),
            KeyValue::new("service.version", service.version),
            KeyValue::new("service.instance.id", service.instance),
        ])
        .build()
}
