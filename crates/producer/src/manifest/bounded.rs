//! A reader that ends with an error when a line is longer than the limit, so that what reads lines above it
//! needs no bound of its own. Must never buffer.

use std::io::{self, BufRead, Read};

/// Passes bytes through and counts those since the last line break.
#[derive(Debug)]
pub(super) struct BoundedLines<R> {
    inner: R,
    line_bytes: usize,
    line_bytes_max: usize,
}

impl<R: BufRead> BoundedLines<R> {
    pub(super) fn new(inner: R, line_bytes_max: usize) -> Self {
        Self { inner, line_bytes: 0, line_bytes_max }
    }
}

impl<R: BufRead> Read for BoundedLines<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        for line in into[..read].split_inclusive(|byte| *byte == b'\n') {
            self.line_bytes += line.len();
            if self.line_bytes > self.line_bytes_max {
                let problem = format!("a line is longer than {} bytes", self.line_bytes_max);
                return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
            }
            if line.ends_with(b"\n") {
                self.line_bytes = 0;
            }
        }
        Ok(read)
    }
}
