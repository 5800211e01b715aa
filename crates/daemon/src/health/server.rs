//! The listener: bound before a daemon confines itself, which may forbid it to bind a port; bounded in connections,
//! in the size of what is asked, and in time.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::{Told, answer};

/// Connections at the same time; a prober and a scraper need two. Others wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 16;

/// The longest that a connection may last, whatever is asked on it.
const CONNECTION_TIME: Duration = Duration::from_secs(60);

/// The longest that a request may take to come.
const HEAD_WAIT: Duration = Duration::from_secs(5);

/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 8 << 10;

/// Most headers of a request.
const HEADERS_MAX: usize = 32;

/// Pause after a connection could not be taken, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound port, on which nobody is answered yet.
#[derive(Debug)]
pub struct Listener(std::net::TcpListener);

/// The port cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {address}")]
pub struct ListenError {
    /// Where.
    pub address: SocketAddr,
    /// What the system said.
    #[source]
    pub cause: std::io::Error,
}

/// Binds `address`.
///
/// # Errors
/// When the system refuses it.
pub fn listen(address: SocketAddr) -> std::io::Result<Listener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(Listener(listener))
}

impl Listener {
    /// Answers from now on, in a task of this runtime.
    ///
    /// # Errors
    /// When the runtime cannot take the port over.
    pub fn serve(self, told: impl Told) -> std::io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.0)?;
        let address = listener.local_addr()?;
        tracing::info!(%address, "health, readiness and metrics are told here");
        tokio::spawn(accept(listener, told));
        Ok(())
    }
}

async fn accept(listener: tokio::net::TcpListener, told: impl Told) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // It is never closed.
    while let Ok(turn) = room.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let told = told.clone();
                tokio::spawn(async move {
                    let _turn = turn;
                    // A connection that ends badly is the asker's matter.
                    let _ = tokio::time::timeout(CONNECTION_TIME, serve(stream, told)).await;
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, told: impl Told) -> hyper::Result<()> {
    let service = service_fn(|request| {
        let response = answer::to(&request, &told);
        async { Ok::<_, Infallible>(response) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await
}
