//! W3C trace context: how a trace goes on from one program to the next through a message's header.
//! A malformed one is nobody's failure: the trace just begins anew.

use std::collections::HashMap;
use std::fmt;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{Status, TraceContextExt as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The header's name.
const TRACEPARENT: &str = "traceparent";

/// A place in a trace, as the header `traceparent` says it: `00-<32 hex>-<16 hex>-<2 hex>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext(String);

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<TraceContext> for String {
    fn from(context: TraceContext) -> Self {
        context.0
    }
}

/// Where `span` stands; nothing when traces are off.
#[must_use]
pub fn trace_context(span: &Span) -> Option<TraceContext> {
    let mut headers = HashMap::new();
    TraceContextPropagator::new().inject_context(&span.context(), &mut headers);
    headers.remove(TRACEPARENT).map(TraceContext)
}

/// Makes `span` go on where `traceparent` says, which must be before it is entered. Nothing happens when traces
/// are off or the text is malformed.
pub fn continue_trace(span: &Span, traceparent: &str) {
    let headers = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract(&headers);
    if context.span().span_context().is_valid() {
        // It fails only where there is no layer, or the span has begun: both leave the trace as it is.
        let _ = span.set_parent(context);
    }
}

/// Marks `span` as failed, in a word that is no secret, such as a reason's code.
pub fn fail(span: &Span, reason: &'static str) {
    span.set_status(Status::error(reason));
}
