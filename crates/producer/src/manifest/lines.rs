//! JSON lines: one request a line. Must never quote a line's content in a message: someone may have put a
//! signed URL there.

use std::io::{self, BufRead};

use super::{LineError, Row};
use crate::address::is_url;
use crate::batch::JobRequest;

/// What to do about a line that is no request.
const ADVICE: &str = "a line is {\"input\":\"raw/a.mov\",\"output\":\"out/a.mp4\",\"preset\":\"h264-720p\"}; it may \
     also have params, priority, tags, ttl, wall and etag";

/// Reads JSON lines.
pub(super) struct JsonLines<R> {
    source: R,
    text: Vec<u8>,
    line: u64,
}

impl<R: BufRead> JsonLines<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, text: Vec::new(), line: 0 }
    }

    pub(super) fn next_row(&mut self) -> io::Result<Option<Row>> {
        loop {
            self.text.clear();
            if self.source.read_until(b'\n', &mut self.text)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            if !self.text.iter().all(u8::is_ascii_whitespace) {
                let request =
                    serde_json::from_slice::<JobRequest>(&self.text).map_err(|error| problem(&error));
                return Ok(Some(Row { line: self.line, request }));
            }
        }
    }
}

fn problem(error: &serde_json::Error) -> LineError {
    // serde quotes wrong values ("invalid type: string \"…\""); what it says up to there is safe and enough.
    let text = error.to_string();
    let safe = match text.find("invalid type: ").or_else(|| text.find("invalid value: ")) {
        Some(_) => {
            let expected = text.rsplit_once("expected ").map_or("another type", |(_, expected)| expected);
            format!("a value is not of the right type: expected {expected}")
        }
        // A field's name is repeated, unless somebody made a grant the name.
        None if is_url(&text) => "a field has an unknown name".to_owned(),
        None => text,
    };
    // The line's own number is told by the caller; serde counts from 1 within this line.
    let safe = safe.replacen(" at line 1 column", " at column", 1);
    LineError { problem: safe, advice: ADVICE }
}
