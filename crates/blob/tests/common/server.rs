//! A server of one test's own: it hears a request's head and answers what the test says, byte by byte.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A running scripted server; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) origin: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers each request with what `answer` makes of its head (request line and headers).
    pub(crate) async fn start(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::start_early(0, answer).await
    }

    /// The same once so many bytes of a request's body have come; the rest is never read.
    pub(crate) async fn start_early(
        body_bytes: usize,
        answer: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let heard = heads.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream, &heard, body_bytes, &answer).await;
            }
        });
        Self { origin, heads }
    }

    /// The heads heard so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// One request, one answer, then the connection is closed, read or not.
async fn serve(
    mut stream: TcpStream,
    heads: &Mutex<Vec<String>>,
    body_bytes: usize,
    answer: &impl Fn(&str) -> String,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    heads.lock().unwrap().push(head.clone());
    if stream.read_exact(&mut vec![0; body_bytes]).await.is_err() {
        return;
    }
    // The client may be gone already; it will say so itself.
    let _ = stream.write_all(answer(&head).as_bytes()).await;
}

/// An answer with a status line, headers and a body; no Content-Length but what `headers` say.
pub(crate) fn answer(status: &str, headers: &[&str], body: &str) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\n\r\n{body}")
}
