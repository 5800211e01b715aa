//! What each path answers. Only GET and HEAD, and never a body that was sent.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::{METRICS_TYPE, Told};

/// Answers a request.
pub(super) fn to<B>(request: &Request<B>, told: &impl Told) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only\n");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match request.uri().path() {
        "/healthz" => judged(told.health()),
        "/readyz" => judged(told.readiness()),
        "/metrics" => response(StatusCode::OK, METRICS_TYPE, told.metrics()),
        _ => text(StatusCode::NOT_FOUND, "/healthz, /readyz and /metrics are here\n"),
    }
}

fn judged((is_good, document): (bool, serde_json::Value)) -> Response<Full<Bytes>> {
    let status = if is_good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    response(status, "application/json", format!("{document}\n"))
}

fn text(status: StatusCode, words: &str) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", words.to_owned())
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
