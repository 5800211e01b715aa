//! Spans in, what a collector gets out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tracing::{Instrument as _, info_span};
use tracing_subscriber::layer::SubscriberExt as _;
use valet_telemetry::{Endpoint, Sender, Service, TARGET, continue_trace, fail, set_up, trace_context};

/// Well above what a test's batch takes.
const LIMIT: Duration = Duration::from_secs(10);

/// A collector that keeps what it is sent.
fn collector() -> (Endpoint, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = sender.send(answer(stream.unwrap()));
        }
    });
    (endpoint, receiver)
}

/// One request and its answer, which ends the connection.
fn answer(mut stream: TcpStream) -> Value {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let got = stream.read(&mut piece).unwrap();
        assert!(got > 0, "the request ends early: {}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&piece[..got]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() == length.unwrap_or(0) {
            assert!(head.starts_with("POST /v1/traces "), "{head}");
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").unwrap();
            return serde_json::from_str(body).unwrap();
        }
    }
}

fn service() -> Service {
    Service { name: "test", version: "1", instance: "here".to_owned() }
}

fn start(endpoint: &Endpoint) -> (impl tracing::Subscriber + use<>, Sender) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (layer, sender) = set_up(endpoint, service()).unwrap();
    (tracing_subscriber::registry().with(layer), sender)
}

fn spans(batch: &Value) -> Vec<&Value> {
    let scopes = batch["resourceSpans"][0]["scopeSpans"].as_array().unwrap();
    scopes.iter().flat_map(|scope| scope["spans"].as_array().unwrap()).collect()
}

fn named<'a>(spans: &[&'a Value], name: &str) -> &'a Value {
    spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("no {name} in {spans:#?}"))
}

#[tokio::test]
async fn a_trace_goes_on_where_a_message_says_and_holds_spans_alone() {
    let (endpoint, received) = collector();
    let (subscriber, sender) = start(&endpoint);
    let sending = sender.start();
    let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    tracing::subscriber::with_default(subscriber, || {
        let job = info_span!(target: "valet_trace::job", "job", job.id = "1");
        continue_trace(&job, caller);
        let context = trace_context(&job).unwrap().to_string();
        assert!(
            context.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && context != caller,
            "{context}"
        );
        let _entered = job.enter();
        let store = info_span!(target: TARGET, "store");
        fail(&store, "storage-error");
        store.in_scope(|| tracing::warn!(target: TARGET, tag = "private", "an event"));
        info_span!("of another target", tag = "private").in_scope(|| ());
        info_span!(target: "valet_traces", "of another target", tag = "private").in_scope(|| ());
    });
    sending.finish(LIMIT).await;
    let batch = received.recv_timeout(LIMIT).unwrap();
    let spans = spans(&batch);
    let (job, store) = (named(&spans, "job"), named(&spans, "store"));
    assert_eq!((&job["traceId"], &job["parentSpanId"]), (&caller[3..35].into(), &caller[36..52].into()));
    assert_eq!((&store["traceId"], &store["parentSpanId"]), (&job["traceId"], &job["spanId"]));
    assert_eq!((&store["status"]["code"], &store["status"]["message"]), (&2.into(), &"storage-error".into()));
    assert_eq!(spans.len(), 2, "{batch:#}");
    assert!(!batch.to_string().contains("private"), "{batch:#}");
    assert!(batch["resourceSpans"][0]["resource"].to_string().contains("service.name"), "{batch:#}");
}

#[tokio::test]
async fn what_is_no_trace_context_begins_a_trace_anew() {
    let (endpoint, received) = collector();
    let (subscriber, sender) = start(&endpoint);
    tracing::subscriber::with_default(subscriber, || {
        let job = info_span!(target: TARGET, "job");
        continue_trace(&job, "00-nonsense");
        job.in_scope(|| ());
    });
    sender.start().finish(LIMIT).await;
    let batch = received.recv_timeout(LIMIT).unwrap();
    assert_eq!(named(&spans(&batch), "job")["parentSpanId"], "");
}

#[tokio::test]
async fn a_collector_that_is_away_holds_nothing_up() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (subscriber, sender) = start(&format!("http://{unused}").parse().unwrap());
    let sending = sender.start();
    tracing::subscriber::with_default(subscriber, || {
        // More than the queue holds.
        (0..10_000).for_each(|_| info_span!(target: TARGET, "job").in_scope(|| ()));
    });
    let ended = tokio::time::timeout(LIMIT, sending.finish(LIMIT)).await;
    assert!(ended.is_ok(), "it waits for a collector that is not there");
}

#[tokio::test]
async fn without_a_layer_there_is_no_context() {
    let span = info_span!(target: TARGET, "job");
    continue_trace(&span, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_eq!(trace_context(&span), None);
    async {}.instrument(span).await;
}
