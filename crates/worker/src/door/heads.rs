//! The first lines of requests, exactly as they came.
//!
//! hyper gives a request's target parsed: a fragment is gone by then, and of a request that it cannot parse nothing
//! is left. The rules want the line itself, so it is noted down on its way. It never changes what passes.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is kept of a line; every permitted one is shorter.
const LINE_BYTES_MAX: usize = 256;

/// The request lines of one connection that have come and were not looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Heads(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    /// First lines, oldest first. As many as hyper's buffer holds, since nothing is read beyond that.
    first: VecDeque<Vec<u8>>,
    /// The line that is coming, up to [`LINE_BYTES_MAX`].
    line: Vec<u8>,
    /// Whether that line is a header, or the empty one behind them.
    in_headers: bool,
}

impl Heads {
    /// The first line of the request that is looked at now.
    pub(super) fn next(&self) -> Vec<u8> {
        self.with(|lines| lines.first.pop_front()).unwrap_or_default()
    }

    /// The first line of what could not be made a request of; it may not have ended.
    pub(super) fn broken(&self) -> Vec<u8> {
        self.with(|lines| lines.first.front().unwrap_or(&lines.line).clone())
    }

    fn note(&self, bytes: &[u8]) {
        self.with(|lines| bytes.iter().for_each(|byte| lines.note(*byte)));
    }

    fn with<T>(&self, work: impl FnOnce(&mut Lines) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Lines {
    /// Lines end as hyper sees it: by LF, with or without a CR before it; empty ones before a request do not count.
    /// No request may have a body, so the line after an empty one begins the next request.
    fn note(&mut self, byte: u8) {
        if byte != b'\n' {
            if self.line.len() < LINE_BYTES_MAX {
                self.line.push(byte);
            }
            return;
        }
        let mut line = std::mem::take(&mut self.line);
        line.pop_if(|last| *last == b'\r');
        match (self.in_headers, line.is_empty()) {
            (false, false) => {
                self.first.push_back(line);
                self.in_headers = true;
            }
            (true, true) => self.in_headers = false,
            _ => {}
        }
    }
}

/// A stream whose requests are noted down.
#[derive(Debug)]
pub(super) struct Noted<S> {
    stream: S,
    heads: Heads,
}

impl<S> Noted<S> {
    pub(super) fn new(stream: S) -> (Self, Heads) {
        let heads = Heads::default();
        (Self { stream, heads: heads.clone() }, heads)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Noted<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        this.heads.note(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noted<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_lines_are_found_however_they_are_cut() {
        let sent = b"\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n\n\nHEAD /b HTTP/1.0\nHost: x\n\nPRI * HT";
        for step in 1..sent.len() {
            let heads = Heads::default();
            sent.chunks(step).for_each(|part| heads.note(part));
            assert_eq!(heads.next(), b"GET /a HTTP/1.1", "in steps of {step}");
            assert_eq!(heads.broken(), b"HEAD /b HTTP/1.0", "as long as it was not looked at");
            assert_eq!(heads.next(), b"HEAD /b HTTP/1.0");
            assert_eq!(heads.broken(), b"PRI * HT");
            assert_eq!(heads.next(), b"");
        }
    }

    #[test]
    fn a_long_line_is_not_kept_whole() {
        let heads = Heads::default();
        heads.note(&[b'a'; 100_000]);
        assert_eq!(heads.broken().len(), LINE_BYTES_MAX);
        heads.note(b"\nHost: x");
        assert_eq!(heads.next(), [b'a'; LINE_BYTES_MAX]);
    }
}
