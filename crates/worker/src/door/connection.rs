//! One connection of the codec, from its turn to its end.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::answer::{self, Body};
use super::heads::{Heads, Noted};
use super::rules::{self, Refusal, refused};
use super::trip::{Trip, Violation};
use super::{Door, Shared};

/// Largest head of a request, in bytes. ffmpeg sends 150.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Most headers of a request. ffmpeg sends 6.
const HEADERS_MAX: usize = 32;

impl Door {
    /// Serves one stream until it ends.
    pub async fn serve_stream<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let door = &self.0;
        door.connections.fetch_add(1, Ordering::Relaxed);
        let open = Open::count(door);
        if open.before >= door.limits.connections_open_max {
            door.shut(Trip::Violation(Violation::new(rules::CONNECTIONS, b"")));
        }
        if door.is_shut() {
            return;
        }
        // It is never closed; an error would mean the same as a shut door.
        let Ok(_turn) = door.serving.acquire().await else { return };
        let (stream, heads) = Noted::new(stream);
        let answering = heads.clone();
        let service = service_fn(move |request| {
            let response = door.answer(&answering, &request);
            async { Ok::<_, Infallible>(response) }
        });
        let served = door.http().serve_connection(TokioIo::new(stream), service).await;
        // Everything else is a codec that hung up, or that had nothing more to ask.
        if served.is_err_and(|error| error.is_parse()) {
            door.shut(Trip::Violation(Violation::new(rules::FORM, &heads.broken())));
        }
    }
}

impl Shared {
    fn http(&self) -> http1::Builder {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_wait)
            .max_headers(HEADERS_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .auto_date_header(false);
        http
    }

    fn answer<B>(self: &Arc<Self>, heads: &Heads, request: &Request<B>) -> Response<Body> {
        let line = heads.next();
        let bytes = self.source.bytes();
        let admitted = if self.admit_request() { Ok(()) } else { Err(refused(rules::REQUESTS, &line)) };
        let judged = admitted.and_then(|()| rules::judge(&line, request.headers(), bytes));
        match judged {
            Ok(asked) if !self.is_shut() => answer::to(asked, self),
            Ok(_) => answer::refusal(hyper::StatusCode::FORBIDDEN, bytes),
            Err(Refusal { status, violation }) => {
                self.shut(Trip::Violation(violation));
                answer::refusal(status, bytes)
            }
        }
    }
}

/// Counts as an open connection until it is dropped.
struct Open<'a> {
    door: &'a Shared,
    /// How many there were already.
    before: usize,
}

impl<'a> Open<'a> {
    fn count(door: &'a Shared) -> Self {
        Self { door, before: door.open.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.door.open.fetch_sub(1, Ordering::Relaxed);
    }
}
