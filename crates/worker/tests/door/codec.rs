//! A codec's side of a door: raw bytes out, answers in.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use valet_worker::door::Door;

/// One connection to a door.
pub(crate) struct Codec {
    stream: UnixStream,
    served: JoinHandle<()>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    head: String,
}

impl Answer {
    /// The value of a header; `name` in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// A request for the input, as it should be.
pub(crate) fn get(range: Option<&str>) -> String {
    let range = range.map(|range| format!("Range: {range}\r\n")).unwrap_or_default();
    format!("GET /input HTTP/1.1\r\nHost: 127.0.0.1\r\n{range}\r\n")
}

impl Codec {
    /// Opens a connection that the door serves from now on.
    pub(crate) fn open(door: &Door) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let door = door.clone();
        Self { stream: ours, served: tokio::spawn(async move { door.serve_stream(theirs).await }) }
    }

    /// Sends bytes; the door may have ended the connection already.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Reads an answer with its body.
    pub(crate) async fn answer(&mut self) -> Answer {
        let mut answer = self.head_answer().await;
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body.resize(length, 0);
        self.stream.read_exact(&mut answer.body).await.unwrap();
        answer
    }

    /// Reads the head of an answer.
    pub(crate) async fn head_answer(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.strip_prefix("HTTP/1.").unwrap()[2..5].parse().unwrap();
        Answer { status, body: Vec::new(), head }
    }

    /// Reads so many bytes of anything.
    pub(crate) async fn read_some(&mut self, bytes: usize) {
        self.stream.read_exact(&mut vec![0; bytes]).await.unwrap();
    }

    /// Everything that comes until the end of the connection.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end, too.
        let _ = self.stream.read_to_end(&mut rest).await;
        rest
    }

    /// Waits until the door ends the connection.
    pub(crate) async fn wait_for_end(self) {
        self.rest().await;
    }

    /// Hangs up, and waits until the door has noticed.
    pub(crate) async fn hang_up(self) {
        drop(self.stream);
        self.served.await.unwrap();
    }
}
