//! A collector of traces: takes OTLP over HTTP in its JSON encoding and keeps every span.

mod span;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::server::{Request, Response, Server};
use crate::wait::wait_for;
pub use span::Span;

/// Where traces are taken, below [`Collector::url`].
pub const TRACES_PATH: &str = "/v1/traces";

/// A running collector; it ends on drop.
#[derive(Debug)]
pub struct Collector {
    server: Server,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    spans: Vec<Span>,
    /// Every body as it came, good or not.
    bodies: String,
    refused: Vec<String>,
    is_down: bool,
}

impl Collector {
    /// Starts one.
    pub fn start() -> Self {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let served = Arc::clone(&kept);
        Self { server: Server::start(move |request| lock(&served).answer(request)), kept }
    }

    /// `http://127.0.0.1:port`, as `OTEL_EXPORTER_OTLP_ENDPOINT` has it: exporters add [`TRACES_PATH`].
    pub fn url(&self) -> String {
        self.server.url().to_owned()
    }

    /// Every span so far, in the order of arrival.
    pub fn spans(&self) -> Vec<Span> {
        self.kept().spans.clone()
    }

    /// Waits for the first span that fits; `what` is for the failure's message.
    ///
    /// # Panics
    /// After `timeout`, with the names of the spans that came.
    #[track_caller]
    pub fn wait_for_span(&self, what: &str, timeout: Duration, fits: impl Fn(&Span) -> bool) -> Span {
        wait_for(what, timeout, || {
            let kept = self.kept();
            let names = || kept.spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>().join(", ");
            let state = || format!("spans: {}; refused: {:?}", names(), kept.refused);
            kept.spans.iter().find(|span| fits(span)).cloned().ok_or_else(state)
        })
    }

    /// Why requests were refused; empty when all were taken.
    pub fn refused(&self) -> Vec<String> {
        self.kept().refused.clone()
    }

    /// Everything that was sent, as it came: where a secret would be found.
    pub fn text(&self) -> String {
        self.kept().bodies.clone()
    }

    /// Answers every request with 503 from now on, or no longer.
    pub fn set_down(&self, is_down: bool) {
        self.kept().is_down = is_down;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        lock(&self.kept)
    }
}

impl Kept {
    fn answer(&mut self, request: &Request) -> Response {
        self.bodies.push_str(&String::from_utf8_lossy(&request.body));
        self.bodies.push('\n');
        if self.is_down {
            return Response::text(503, "down");
        }
        match self.take(request) {
            Ok(()) => Response::json(200, &json!({"partialSuccess": {}})),
            Err((status, why)) => {
                self.refused.push(why.clone());
                Response::text(status, why)
            }
        }
    }

    fn take(&mut self, request: &Request) -> Result<(), (u16, String)> {
        if (request.method.as_str(), request.path.as_str()) != ("POST", TRACES_PATH) {
            return Err((404, format!("no {} {} here", request.method, request.path)));
        }
        let kind = request.header("content-type").unwrap_or_default();
        if kind.split(';').next() != Some("application/json") || request.header("content-encoding").is_some()
        {
            return Err((415, format!("only plain application/json is taken, not `{kind}`")));
        }
        let document: Value = serde_json::from_slice(&request.body).map_err(|e| (400, e.to_string()))?;
        self.spans.extend(Span::all_of(&document).map_err(|why| (400, why))?);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;

    fn send(collector: &Collector, kind: &str, body: &str) -> u16 {
        let url = format!("{}{TRACES_PATH}", collector.url());
        http::send("POST", &url, &[("content-type", kind)], body).expect("an answer").status
    }

    #[test]
    fn spans_are_kept_with_what_they_say() {
        let collector = Collector::start();
        let span = json!({
            "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
            "parentSpanId": "eee19b7ec3c1b173", "name": "encode", "kind": 1,
            "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": "1544712661000000000",
            "attributes": [
                {"key": "job.id", "value": {"stringValue": "j1"}},
                {"key": "attempt", "value": {"intValue": "2"}},
            ],
            "status": {"code": 2},
        });
        let resource =
            json!({"attributes": [{"key": "service.name", "value": {"stringValue": "valet-worker"}}]});
        let body = json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]});
        assert_eq!(send(&collector, "application/json", &body.to_string()), 200);
        let span =
            collector.wait_for_span("the encode", Duration::from_secs(5), |span| span.name == "encode");
        assert_eq!(span.trace_id, "5b8efff798038103d269b633813fc60c");
        assert_eq!(
            (span.span_id.as_str(), span.parent.as_deref()),
            ("eee19b7ec3c1b174", Some("eee19b7ec3c1b173"))
        );
        assert_eq!((span.attribute("job.id"), span.attribute("attempt")), (Some("j1"), Some("2")));
        assert_eq!(
            (span.service.as_str(), span.is_error, span.duration_ns),
            ("valet-worker", true, 1_000_000_000)
        );
        assert!(collector.refused().is_empty() && collector.text().contains("stringValue"));
    }

    #[test]
    fn what_is_not_otlp_in_json_is_refused_and_remembered() {
        let collector = Collector::start();
        assert_eq!(send(&collector, "application/x-protobuf", "\0"), 415);
        assert_eq!(send(&collector, "application/json", "{"), 400);
        let nameless = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00"}]}]}]}"#;
        assert_eq!(send(&collector, "application/json", nameless), 400);
        assert_eq!((collector.refused().len(), collector.spans().len()), (3, 0));
        collector.set_down(true);
        assert_eq!(send(&collector, "application/json", "{}"), 503);
        assert_eq!(collector.refused().len(), 3, "a collector that is down judges nobody");
    }
}
