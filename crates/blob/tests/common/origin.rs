//! A storage of one blob that tells what was asked of it, and whose bodies flow only as far as a test lets them.

use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::made_up_url;

const PIECE_BYTES: u64 = 16 << 10;

/// A running one; it ends with the test's runtime. Each connection carries one request.
pub(crate) struct Origin {
    /// The URL of a grant for its blob.
    pub(crate) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    content: Vec<u8>,
    /// Ranges of GETs, in the order in which they came.
    asked: watch::Sender<Vec<Range<u64>>>,
    /// Headers of all GETs.
    heads: Mutex<Vec<String>>,
    /// How many bytes of each body may flow.
    flow: watch::Sender<u64>,
    /// Ranges whose client hung up before the end.
    hung_up: watch::Sender<Vec<Range<u64>>>,
}

impl Origin {
    /// Serves `content`.
    pub(crate) async fn start(content: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = made_up_url(&format!("http://{}", listener.local_addr().unwrap()), "r");
        let shared = Arc::new(Shared {
            content,
            asked: watch::Sender::default(),
            heads: Mutex::default(),
            flow: watch::Sender::new(u64::MAX),
            hung_up: watch::Sender::default(),
        });
        let served = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, served.clone()));
            }
        });
        Self { url, shared }
    }

    /// From now on `bytes` of each body may flow.
    pub(crate) fn let_flow(&self, bytes: u64) {
        self.shared.flow.send_replace(bytes);
    }

    /// The ranges asked for so far, sorted.
    pub(crate) fn asked(&self) -> Vec<Range<u64>> {
        sorted(self.shared.asked.borrow().clone())
    }

    /// The heads of all GETs so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap().clone()
    }

    /// Waits until so many ranges have been asked for.
    pub(crate) async fn wait_for_asked(&self, count: usize) -> Vec<Range<u64>> {
        let mut asked = self.shared.asked.subscribe();
        sorted(asked.wait_for(|asked| asked.len() >= count).await.unwrap().clone())
    }

    /// Waits until so many clients have hung up, and tells on which ranges.
    pub(crate) async fn wait_for_hung_up(&self, count: usize) -> Vec<Range<u64>> {
        let mut hung_up = self.shared.hung_up.subscribe();
        sorted(hung_up.wait_for(|ranges| ranges.len() >= count).await.unwrap().clone())
    }

    /// The ranges on which clients have hung up so far.
    pub(crate) fn hung_up(&self) -> Vec<Range<u64>> {
        sorted(self.shared.hung_up.borrow().clone())
    }
}

fn sorted(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    ranges
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let bytes = shared.content.len() as u64;
    if head.starts_with("head ") {
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\netag: \"0x1\"\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        return;
    }
    let range = range(&head);
    assert!(range.start < range.end && range.end <= bytes, "{range:?} of {bytes}");
    shared.heads.lock().unwrap().push(head);
    shared.asked.send_modify(|asked| asked.push(range.clone()));
    if send(&mut stream, &shared, range.clone()).await.is_err() {
        shared.hung_up.send_modify(|ranges| ranges.push(range));
    }
}

fn range(head: &str) -> Range<u64> {
    let value = head.lines().find_map(|line| line.strip_prefix("range: bytes=")).unwrap();
    let (first, last) = value.split_once('-').unwrap();
    first.parse().unwrap()..last.parse::<u64>().unwrap() + 1
}

async fn send(stream: &mut TcpStream, shared: &Shared, range: Range<u64>) -> std::io::Result<()> {
    let (length, total) = (range.end - range.start, shared.content.len());
    let head = format!(
        "HTTP/1.1 206 OK\r\ncontent-length: {length}\r\ncontent-range: bytes {}-{}/{total}\r\nconnection: close\r\n\r\n",
        range.start,
        range.end - 1
    );
    stream.write_all(head.as_bytes()).await?;
    let mut flow = shared.flow.subscribe();
    let mut at = range.start;
    while at < range.end {
        let flowed = at - range.start;
        let mut nothing = [0];
        let limit = tokio::select! {
            limit = flow.wait_for(|limit| *limit > flowed) => *limit.unwrap(),
            // The client sends nothing more: what comes is its end.
            _ = stream.read(&mut nothing) => return Err(std::io::ErrorKind::ConnectionReset.into()),
        };
        let to = range.end.min(at + PIECE_BYTES).min(range.start.saturating_add(limit));
        let piece = &shared.content[usize::try_from(at).unwrap()..usize::try_from(to).unwrap()];
        stream.write_all(piece).await?;
        at = to;
    }
    Ok(())
}
