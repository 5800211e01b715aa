//! Answers: heads that say exactly what follows, and bodies that stop with whoever reads them.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::Frame;
use hyper::header::{
    ACCEPT_RANGES, CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue,
};
use hyper::{Response, StatusCode};

use super::Shared;
use super::range::Range;
use super::rules::{Asked, BYTES};
use super::trip::{Trip, Violation};

/// Bytes handed to the connection at a time. What is handed over counts as served, so little of it may lie there
/// when the codec hangs up.
const PIECE_BYTES: usize = 32 << 10;

/// The body of any answer.
pub(super) type Body = UnsyncBoxBody<Bytes, BrokenOff>;

/// The rest of a body does not come. The codec learns it by the end of the connection, and the worker by the trip.
#[derive(Debug, thiserror::Error)]
#[error("the door has shut")]
pub(super) struct BrokenOff;

/// Answers a request that keeps to the rules.
pub(super) fn to(asked: Asked, door: &Arc<Shared>) -> Response<Body> {
    let bytes = door.source.bytes();
    let (status, start, end) = match asked.range {
        None => (StatusCode::OK, 0, bytes),
        Some(Range::Part { start, end }) => (StatusCode::PARTIAL_CONTENT, start, end),
        Some(Range::Beyond) => return beyond(bytes),
    };
    let mut response = empty(status);
    if asked.range.is_some() {
        set(&mut response, CONTENT_RANGE, format!("bytes {start}-{}/{bytes}", end - 1));
    }
    set(&mut response, CONTENT_LENGTH, (end - start).to_string());
    set(&mut response, CONTENT_TYPE, "application/octet-stream".to_owned());
    if !asked.head_only && start < end {
        *response.body_mut() = body(Arc::clone(door), start, end);
    }
    response
}

/// The whole of nothing, or what lies behind the end.
pub(super) fn beyond(bytes: u64) -> Response<Body> {
    let mut response = empty(StatusCode::RANGE_NOT_SATISFIABLE);
    set(&mut response, CONTENT_RANGE, format!("bytes */{bytes}"));
    response
}

/// Refuses, and ends the connection.
pub(super) fn refusal(status: StatusCode, bytes: u64) -> Response<Body> {
    let mut response = match status {
        StatusCode::RANGE_NOT_SATISFIABLE => beyond(bytes),
        other => empty(other),
    };
    set(&mut response, CONNECTION, "close".to_owned());
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    set(&mut response, ACCEPT_RANGES, "bytes".to_owned());
    response
}

fn set(response: &mut Response<Body>, name: HeaderName, value: String) {
    // Only words and numbers of ours come here, which every header may hold.
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

fn body(door: Arc<Shared>, start: u64, end: u64) -> Body {
    let pieces = door.source.pieces(start, end);
    StreamBody::new(metered(Metered { door, pieces, rest: Bytes::new() })).boxed_unsync()
}

/// A source's pieces on their way out.
struct Metered {
    door: Arc<Shared>,
    pieces: BoxStream<'static, Result<Bytes, Trip>>,
    /// What is left of the last piece.
    rest: Bytes,
}

/// Pulled by the connection, so that nothing is read for a codec that does not read.
fn metered(metered: Metered) -> impl Stream<Item = Result<Frame<Bytes>, BrokenOff>> {
    stream::try_unfold(metered, async |mut metered| {
        let piece = metered.next().await?;
        Ok(piece.map(|piece| (Frame::data(piece), metered)))
    })
}

impl Metered {
    async fn next(&mut self) -> Result<Option<Bytes>, BrokenOff> {
        if self.rest.is_empty() {
            match self.pieces.next().await {
                None => return Ok(None),
                Some(Ok(piece)) => self.rest = piece,
                Some(Err(trip)) => return Err(self.break_off(trip)),
            }
        }
        let piece = self.rest.split_to(PIECE_BYTES.min(self.rest.len()));
        if self.door.is_shut() {
            return Err(BrokenOff);
        }
        if !self.door.admit_bytes(piece.len()) {
            return Err(self.break_off(Trip::Violation(Violation::new(BYTES, b""))));
        }
        Ok(Some(piece))
    }

    fn break_off(&self, trip: Trip) -> BrokenOff {
        self.door.shut(trip);
        BrokenOff
    }
}
