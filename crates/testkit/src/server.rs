//! A small HTTP server for doubles of services: one function answers every request, one after another.

use std::io::Read as _;
use std::sync::Arc;
use std::thread;

use serde_json::Value;

/// Largest body that is read.
const BODY_BYTES_MAX: u64 = 16 << 20;

/// A request, whole.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `POST`.
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    /// Without its question mark; empty when there is none.
    pub(crate) query: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What to answer.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

/// A running server on a port of its own; it ends on drop.
pub(crate) struct Server {
    http: Arc<tiny_http::Server>,
    url: String,
}

impl Request {
    /// The value of a header; `name` in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The value of a field in the query, as sent.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(own, _)| *own == name)
            .map(|(_, v)| v)
    }

    fn read(raw: &mut tiny_http::Request) -> Self {
        let (path, query) = raw.url().split_once('?').unwrap_or((raw.url(), ""));
        let header =
            |h: &tiny_http::Header| (h.field.as_str().as_str().to_ascii_lowercase(), h.value.to_string());
        let mut request = Self {
            method: raw.method().to_string(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: raw.headers().iter().map(header).collect(),
            body: Vec::new(),
        };
        // A cut body is what it is: the double finds it wanting and says so.
        let _ = raw.as_reader().take(BODY_BYTES_MAX).read_to_end(&mut request.body);
        request
    }
}

impl Response {
    /// A JSON body.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, content_type: "application/json", body: body.to_string() }
    }

    /// A body of plain text.
    pub(crate) fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain", body: body.into() }
    }

    fn send(self, to: tiny_http::Request) {
        let kind = tiny_http::Header::from_bytes("content-type", self.content_type)
            .expect("our own types are words of ASCII");
        let answer =
            tiny_http::Response::from_string(self.body).with_status_code(self.status).with_header(kind);
        // The client may be gone: killed clients are what tests are about.
        let _ = to.respond(answer);
    }
}

impl Server {
    /// Starts one that answers by `answer`.
    pub(crate) fn start(answer: impl Fn(&Request) -> Response + Send + 'static) -> Self {
        let http = Arc::new(tiny_http::Server::http("127.0.0.1:0").expect("a port is free"));
        let url = format!("http://{}", http.server_addr());
        let served = Arc::clone(&http);
        thread::spawn(move || {
            for mut raw in served.incoming_requests() {
                let request = Request::read(&mut raw);
                answer(&request).send(raw);
            }
        });
        Self { http, url }
    }

    /// `http://127.0.0.1:port`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.http.unblock();
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("url", &self.url).finish_non_exhaustive()
    }
}
