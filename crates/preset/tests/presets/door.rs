//! A door such as the worker has in the jail: one file at `/input` over HTTP with ranges, on a port of its own.
//! It must never serve anything else.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use valet_preset::INPUT_URL;

/// Serves one file until it is dropped.
pub(crate) struct Door {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    path: PathBuf,
    closed: AtomicBool,
}

impl Door {
    /// A door to the file at `path`.
    pub(crate) fn open(path: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared { path: path.to_owned(), closed: AtomicBool::new(false) });
        let served = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || served.accept(&listener));
        Self { address, shared, accepting: Some(accepting) }
    }

    /// `argv` with this door's port in the input's place.
    pub(crate) fn through(&self, argv: &[String]) -> Vec<String> {
        let url = format!("http://{}/input", self.address);
        argv.iter().map(|word| if word == INPUT_URL { url.clone() } else { word.clone() }).collect()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address)); // wakes the accepting thread
        drop(self.accepting.take().map(JoinHandle::join));
    }
}

impl Shared {
    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming().filter_map(Result::ok) {
            if self.closed.load(Ordering::Relaxed) {
                return;
            }
            let shared = Arc::clone(&self);
            // ffmpeg hangs up in the middle of an answer whenever it seeks.
            std::thread::spawn(move || drop(shared.serve(&stream)));
        }
    }

    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        let mut lines = BufReader::new(stream);
        loop {
            let head = read_head(&mut lines)?;
            let Some(head) = head else { return Ok(()) };
            self.answer(stream, &head)?;
            if !head.contains("connection: keep-alive") {
                return stream.shutdown(Shutdown::Both);
            }
        }
    }

    fn answer(&self, mut stream: &TcpStream, head: &str) -> io::Result<()> {
        if !head.starts_with("get /input http/1.1") {
            return stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        }
        let mut file = File::open(&self.path)?;
        let size = file.metadata()?.len();
        let Some((from, to)) = range(head, size) else {
            return stream.write_all(b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n");
        };
        let length = to - from;
        write!(
            stream,
            "HTTP/1.1 206 Partial Content\r\nAccept-Ranges: bytes\r\nContent-Length: {length}\r\n\
             Content-Range: bytes {from}-{}/{size}\r\n\r\n",
            to.saturating_sub(1)
        )?;
        file.seek(SeekFrom::Start(from))?;
        io::copy(&mut file.take(length), &mut stream).map(drop)
    }
}

/// A request's head in lower case; `None` when the client has gone.
fn read_head(lines: &mut BufReader<&TcpStream>) -> io::Result<Option<String>> {
    let mut head = String::new();
    loop {
        let before = head.len();
        if lines.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        if head[before..].trim_end().is_empty() {
            return Ok(Some(head.to_ascii_lowercase()));
        }
    }
}

/// First byte and the one behind the last of `range: bytes=a-` or `a-b`; the whole file without one.
fn range(head: &str, size: u64) -> Option<(u64, u64)> {
    let Some((_, asked)) = head.split_once("range: bytes=") else { return Some((0, size)) };
    let (from, to) = asked.lines().next()?.split_once('-')?;
    let from = from.parse().ok()?;
    let to = to.parse().map_or(size, |last: u64| size.min(last + 1));
    (from < to || size == 0).then_some((from, to))
}
