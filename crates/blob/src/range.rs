//! One range of the input, byte after byte; a broken read goes on from the byte reached.
//!
//! What becomes of the bytes is the [`Sink`]'s matter. No byte is handed on twice, none is left out.

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::{
    Method, Response, StatusCode,
    header::{CONTENT_RANGE, IF_MATCH, RANGE},
};

use crate::{Input, StorageError, error::Failure, input::text, retry::Tries};

/// A read that moved this far before it broke starts its tries anew. Not less: a server that breaks after each byte
/// must come to an end.
const PROGRESS_BYTES: u64 = 1 << 20;

/// Takes the bytes of a range, in order.
pub(crate) trait Sink: Send {
    /// A request is about to be sent.
    fn asking(&mut self) {}

    /// Takes the next bytes.
    fn take(&mut self, bytes: Bytes) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// Puts everything taken where it belongs: no more is coming, or not soon.
    fn settle(&mut self) -> impl Future<Output = Result<(), StorageError>> + Send;
}

/// The read of one range.
pub(crate) struct RangeRead<'a, S> {
    input: &'a Input,
    sink: S,
    /// The first byte that the sink has not taken.
    reached: u64,
    end: u64,
}

impl<'a, S: Sink> RangeRead<'a, S> {
    /// The read of `start..end`.
    pub(crate) fn new(input: &'a Input, start: u64, end: u64, sink: S) -> Self {
        Self { input, sink, reached: start, end }
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

    /// One request for what is left. Whatever came is kept, also when the read breaks.
    async fn read_on(&mut self) -> Result<(), Failure> {
        let mut response = self.request().await?;
        let broken = self.take_body(&mut response).await.err();
        self.sink.settle().await?;
        match broken {
            Some(failure) => Err(failure),
            None if self.reached < self.end => Err(self.input.subject.ended_early()),
            None => Ok(()),
        }
    }

    async fn request(&mut self) -> Result<Response, Failure> {
        let Input { client, url, subject, .. } = self.input;
        let range = format!("bytes={}-{}", self.reached, self.end - 1);
        let request = client.request(Method::GET, url.expose_url(), subject)?;
        let request = request.header(RANGE, range).header(IF_MATCH, self.input.etag());
        self.sink.asking();
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
            let reached = self.reached + chunk.len() as u64;
            if reached > self.end {
                return Err(subject
                    .unexpected(response.status().as_u16(), "more bytes than asked for")
                    .into());
            }
            self.sink.take(chunk).await?;
            self.reached = reached;
        }
    }
}
