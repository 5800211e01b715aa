//! One range of the input into its place in the scratch file; a broken read goes on from the byte reached.

use jiff::Timestamp;
use reqwest::{
    Method, Response, StatusCode,
    header::{CONTENT_RANGE, IF_MATCH, RANGE},
};

use crate::{
    Input, StorageError, error::Failure, frontier::Frontier, input::text, retry::Tries, scratch::Scratch,
};

/// Bytes gathered before a write: few trips to the blocking threads, little memory.
const WRITE_BYTES: usize = 1 << 20;

/// A read that moved this far before it broke starts its tries anew. Not less: a server that breaks after each byte
/// must come to an end.
const PROGRESS_BYTES: u64 = 1 << 20;

/// The read of one range.
pub(crate) struct RangeRead<'a> {
    input: &'a Input,
    scratch: &'a Scratch,
    frontier: &'a Frontier,
    /// The first byte not yet written.
    reached: u64,
    end: u64,
    buffer: Vec<u8>,
}

impl<'a> RangeRead<'a> {
    pub(crate) fn new(
        input: &'a Input,
        scratch: &'a Scratch,
        frontier: &'a Frontier,
        start: u64,
        end: u64,
    ) -> Self {
        Self { input, scratch, frontier, reached: start, end, buffer: Vec::new() }
    }

    /// Reads to the end of the range.
    pub(crate) async fn run(mut self, deadline: Option<Timestamp>) -> Result<(), StorageError> {
        let mut tries = Tries::new(&self.input.client, &self.input.subject, deadline);
        loop {
            tries.check_time()?;
            let from = self.reached;
            let Err(failure) = self.read_on().await else { return Ok(()) };
            if self.reached - from >= PROGRESS_BYTES {
                tries.forget();
            }
            tries.pause_after(failure).await?;
        }
    }

    /// One request for what is left. Whatever came is written, also when the read breaks.
    async fn read_on(&mut self) -> Result<(), Failure> {
        let mut response = self.request().await?;
        self.buffer.reserve_exact(WRITE_BYTES);
        let broken = self.take_body(&mut response).await.err();
        self.write().await?;
        match broken {
            Some(failure) => Err(failure),
            None if self.reached < self.end => Err(self.input.subject.ended_early()),
            None => Ok(()),
        }
    }

    async fn request(&self) -> Result<Response, Failure> {
        let Input { client, url, subject, .. } = self.input;
        let range = format!("bytes={}-{}", self.reached, self.end - 1);
        let request = client.request(Method::GET, url.expose_url(), subject)?;
        let request = request.header(RANGE, range).header(IF_MATCH, self.input.etag());
        let response = client.send(request, subject).await?;
        self.check_head(&response)?;
        Ok(response)
    }

    /// Azurite answers odd ranges oddly, and a proxy may ignore them: bytes are taken only for what they are.
    fn check_head(&self, response: &Response) -> Result<(), Failure> {
        let expected = format!("bytes {}-{}/{}", self.reached, self.end - 1, self.input.bytes());
        let status = response.status();
        let fits = status == StatusCode::PARTIAL_CONTENT
            && text(response.headers(), CONTENT_RANGE).is_some_and(|range| range == expected);
        if fits {
            Ok(())
        } else {
            Err(self.input.subject.unexpected(status.as_u16(), "not the range asked for").into())
        }
    }

    async fn take_body(&mut self, response: &mut Response) -> Result<(), Failure> {
        let Input { client, subject, .. } = self.input;
        loop {
            let next = tokio::time::timeout(client.stall_timeout(), response.chunk()).await;
            let next = next.map_err(|_| subject.stalled())?;
            let Some(chunk) = next.map_err(|error| subject.broken(error))? else { return Ok(()) };
            if self.reached + (self.buffer.len() + chunk.len()) as u64 > self.end {
                return Err(subject
                    .unexpected(response.status().as_u16(), "more bytes than asked for")
                    .into());
            }
            if self.buffer.len() + chunk.len() > WRITE_BYTES {
                self.write().await?;
            }
            self.buffer.extend_from_slice(&chunk);
        }
    }

    async fn write(&mut self) -> Result<(), Failure> {
        let start = self.reached;
        let end = start + self.buffer.len() as u64;
        if start == end {
            return Ok(());
        }
        let buffer = std::mem::take(&mut self.buffer);
        self.buffer = self.input.on_disk(self.scratch.write_at(buffer, start).await)?;
        self.reached = end;
        self.frontier.add(start, end);
        Ok(())
    }
}
