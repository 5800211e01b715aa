//! Services on this machine's loopback that nobody may reach, and that notice it when somebody does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How often the UDP side looks whether it is over.
const UDP_WAIT: Duration = Duration::from_millis(100);
/// Longest wait for a request of somebody who has connected.
const REQUEST_WAIT: Duration = Duration::from_secs(5);
const TRIES_MAX: usize = 50;

/// An HTTP server and a UDP socket with the same port number on 127.0.0.1; they end on drop.
#[derive(Debug)]
pub struct Canary {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Bodies by path.
    pages: Vec<(String, Vec<u8>)>,
    /// The body of every other path.
    secret: Vec<u8>,
    visits: Mutex<Vec<String>>,
    over: AtomicBool,
}

impl Canary {
    /// Starts one that answers every request with `secret`.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start(secret: impl Into<Vec<u8>>) -> Self {
        Self::start_with(Vec::new(), secret)
    }

    /// Starts one that answers requests for these paths with these bodies, and every other one with `secret`.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start_with(pages: Vec<(String, Vec<u8>)>, secret: impl Into<Vec<u8>>) -> Self {
        let (listener, socket) = (0..TRIES_MAX).find_map(|_| bind_both()).expect("two equal ports are free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let secret = secret.into();
        let shared =
            Arc::new(Shared { pages, secret, visits: Mutex::default(), over: AtomicBool::new(false) });
        let (tcp, udp) = (Arc::clone(&shared), Arc::clone(&shared));
        thread::spawn(move || serve_tcp(&listener, &tcp));
        thread::spawn(move || serve_udp(&socket, &udp));
        Self { address, shared }
    }

    /// The number of both ports.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:port`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everybody who came: the first line of each request, and a line for each datagram. A connection counts also
    /// when nothing was said.
    pub fn visits(&self) -> Vec<String> {
        lock(&self.shared.visits).clone()
    }

    /// Nobody came.
    ///
    /// # Panics
    /// When somebody did, with what was asked.
    #[track_caller]
    pub fn expect_untouched(&self) {
        let visits = self.visits();
        assert!(visits.is_empty(), "the canary was reached: {visits:?}");
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Wakes the accepting thread; it may be gone already.
        let _ = TcpStream::connect(self.address);
    }
}

fn bind_both() -> Option<(TcpListener, UdpSocket)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
    let socket = UdpSocket::bind(listener.local_addr().ok()?).ok()?;
    socket.set_read_timeout(Some(UDP_WAIT)).ok()?;
    Some((listener, socket))
}

fn serve_tcp(listener: &TcpListener, shared: &Arc<Shared>) {
    for visitor in listener.incoming().flatten() {
        if shared.over.load(Ordering::Relaxed) {
            return;
        }
        let number = {
            let mut visits = lock(&shared.visits);
            visits.push("a connection".to_owned());
            visits.len() - 1
        };
        let shared = Arc::clone(shared);
        // What becomes of the answer is the visitor's business.
        thread::spawn(move || answer(&visitor, number, &shared));
    }
}

fn answer(mut visitor: &TcpStream, number: usize, shared: &Shared) -> std::io::Result<()> {
    visitor.set_read_timeout(Some(REQUEST_WAIT))?;
    let mut lines = BufReader::new(visitor).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    lock(&shared.visits)[number] = format!("TCP: {request}");
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = request.split(' ').nth(1).unwrap_or_default();
    let page = shared.pages.iter().find(|(own, _)| own == path);
    let body = page.map_or(&shared.secret, |(_, body)| body);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    visitor.write_all(head.as_bytes())?;
    visitor.write_all(body)
}

fn serve_udp(socket: &UdpSocket, shared: &Shared) {
    let mut datagram = [0; 2048];
    while !shared.over.load(Ordering::Relaxed) {
        if let Ok((length, _)) = socket.recv_from(&mut datagram) {
            lock(&shared.visits).push(format!("UDP: {length} bytes"));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http, wait_for};

    #[test]
    fn every_visit_is_noticed() {
        let canary = Canary::start_with(vec![("/known".into(), b"page".to_vec())], "secret");
        canary.expect_untouched();
        for (path, body) in [("known", "page"), ("any", "secret")] {
            let told = http::send("GET", &format!("{}/{path}", canary.url()), &[], ()).expect("an answer");
            assert_eq!(told.text(), body);
        }
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        socket.send_to(b"12345", ("127.0.0.1", canary.port())).expect("loopback takes it");
        let silent = TcpStream::connect(("127.0.0.1", canary.port())).expect("it listens");
        let expected = ["TCP: GET /known HTTP/1.1", "TCP: GET /any HTTP/1.1"];
        wait_for("all four visits", Duration::from_secs(10), || {
            let visits = canary.visits();
            let others = ["UDP: 5 bytes", "a connection"].iter().all(|one| visits.contains(&(*one).into()));
            if visits.starts_with(&expected.map(str::to_owned)) && others {
                Ok(())
            } else {
                Err(format!("{visits:?}"))
            }
        });
        drop(silent);
    }
}
