//! What may be asked. A request that breaks a rule is no mistake: no codec that reads its input does so.

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderName};

use super::range::{self, Range};
use super::trip::Violation;

/// See [`check_line`].
pub(super) const LINE: &str = "only GET and HEAD of /input, by HTTP/1.1";
/// See [`check_host`].
pub(super) const HOST: &str = "the host is 127.0.0.1";
/// See [`check_absent`].
pub(super) const BODY: &str = "a request has no body";
/// See [`check_absent`].
pub(super) const UPGRADE: &str = "no upgrade and no expectation";
/// See [`wanted`].
pub(super) const RANGE: &str = "one range, of the form a-b, a- or -n";
/// A request that is none, or too large.
pub(super) const FORM: &str = "a request is HTTP/1.1, with at most 32 headers and 16 KiB";
/// See [`super::DoorLimits::connections_open_max`].
pub(super) const CONNECTIONS: &str = "connections open at a time are limited";
/// See [`super::DoorLimits::requests_max`].
pub(super) const REQUESTS: &str = "requests of a job are limited";
/// See [`super::DoorLimits::served_times_max`].
pub(super) const BYTES: &str = "bytes read by a job are limited";

/// A request that keeps to the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    /// Whether only the head is wanted.
    pub(super) head_only: bool,
    /// Which bytes; all if there is none.
    pub(super) range: Option<Range>,
}

/// A broken rule, and how it is answered.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) violation: Violation,
}

/// Judges a request by its first line, as it came, and its headers.
pub(super) fn judge(line: &[u8], headers: &HeaderMap, bytes: u64) -> Result<Asked, Refusal> {
    let head_only = check_line(line)?;
    check_host(line, headers)?;
    check_absent(line, headers)?;
    Ok(Asked { head_only, range: wanted(line, headers, bytes)? })
}

/// No query, no fragment, no encoding, no other spelling: four lines are permitted, byte by byte.
fn check_line(line: &[u8]) -> Result<bool, Refusal> {
    match line {
        b"GET /input HTTP/1.1" | b"GET /input HTTP/1.0" => Ok(false),
        b"HEAD /input HTTP/1.1" | b"HEAD /input HTTP/1.0" => Ok(true),
        _ => Err(refused(LINE, line)),
    }
}

/// A codec that was led elsewhere says so here, since it believes that it is connected to there.
fn check_host(line: &[u8], headers: &HeaderMap) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(header::HOST).iter().map(|host| host.as_bytes());
    match (hosts.next(), hosts.next()) {
        (Some(b"127.0.0.1" | b"127.0.0.1:80"), None) => Ok(()),
        _ => Err(refused(HOST, &with_header(line, headers, &header::HOST))),
    }
}

fn check_absent(line: &[u8], headers: &HeaderMap) -> Result<(), Refusal> {
    let has_length = headers.get_all(header::CONTENT_LENGTH).iter().any(|length| length != "0");
    for (is_there, rule, name) in [
        (has_length, BODY, header::CONTENT_LENGTH),
        (headers.contains_key(header::TRANSFER_ENCODING), BODY, header::TRANSFER_ENCODING),
        (headers.contains_key(header::UPGRADE), UPGRADE, header::UPGRADE),
        (headers.contains_key(header::EXPECT), UPGRADE, header::EXPECT),
    ] {
        if is_there {
            return Err(refused(rule, &with_header(line, headers, &name)));
        }
    }
    Ok(())
}

fn wanted(line: &[u8], headers: &HeaderMap, bytes: u64) -> Result<Option<Range>, Refusal> {
    let mut ranges = headers.get_all(header::RANGE).iter();
    let range = match (ranges.next(), ranges.next()) {
        (None, _) => return Ok(None),
        (Some(range), None) => range::parse(range.as_bytes(), bytes),
        (Some(_), Some(_)) => Err(range::BadRange),
    };
    range.map(Some).map_err(|_| Refusal {
        status: StatusCode::RANGE_NOT_SATISFIABLE,
        ..refused(RANGE, &with_header(line, headers, &header::RANGE))
    })
}

/// A refusal, answered by 403.
pub(super) fn refused(rule: &'static str, asked: &[u8]) -> Refusal {
    Refusal { status: StatusCode::FORBIDDEN, violation: Violation::new(rule, asked) }
}

/// The line and the header that is wrong with it.
fn with_header(line: &[u8], headers: &HeaderMap, name: &HeaderName) -> Vec<u8> {
    let mut asked = line.to_vec();
    for value in headers.get_all(name) {
        asked.extend_from_slice(b"; ");
        asked.extend_from_slice(name.as_str().as_bytes());
        asked.extend_from_slice(b": ");
        asked.extend_from_slice(value.as_bytes());
    }
    asked
}
