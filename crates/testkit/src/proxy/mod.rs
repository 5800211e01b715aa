//! A proxy that fails on command, between an HTTP client and Azurite.
//!
//! One request per connection: it asks the server to close after its answer, so that faults and records
//! belong to one request each. Signed URLs stay valid through it, since a SAS does not cover the host.

mod fault;
mod message;
mod relay;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use fault::Script;
pub use fault::{Fault, Gate};

/// A running proxy on a port of its own; it ends on drop.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// One request that came, as far as it got.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// `PUT`.
    pub method: String,
    /// Path and query as sent; it may carry a signature.
    pub target: String,
    /// Headers as sent, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Status that the client got; `None` when it got none.
    pub status: Option<u16>,
    /// Body bytes that went to the server.
    pub bytes_up: u64,
    /// Body bytes that went to the client.
    pub bytes_down: u64,
    /// What went wrong on purpose.
    pub fault: Option<Fault>,
}

impl Exchange {
    /// The value of a header that the client sent; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug)]
struct Shared {
    /// `127.0.0.1:port` of the server.
    target: String,
    script: Mutex<Script>,
    exchanges: Mutex<Vec<Exchange>>,
    over: AtomicBool,
}

impl FaultProxy {
    /// Starts one before `target`, `127.0.0.1:port`, such as [`crate::Storage::address`].
    ///
    /// # Panics
    /// When no port is free.
    pub fn start(target: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            target: target.to_owned(),
            script: Mutex::default(),
            exchanges: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let served = Arc::clone(&shared);
        thread::spawn(move || serve(&listener, &served));
        Self { address, shared }
    }

    /// Its own `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// `url` of the server, with the proxy's address instead.
    ///
    /// # Panics
    /// When `url` is not one of the server's.
    #[track_caller]
    pub fn url(&self, url: &str) -> String {
        let server = format!("http://{}/", self.shared.target);
        let rest = url.strip_prefix(&server).expect("the URL is one of the server behind this proxy");
        format!("http://{}/{rest}", self.address)
    }

    /// The next request meets `fault`. Called again, the faults queue up, one a request.
    pub fn next(&self, fault: Fault) {
        self.script().push(None, 1, fault);
    }

    /// The next request with this method meets `fault`.
    pub fn next_method(&self, method: &str, fault: Fault) {
        self.script().push(Some(method), 1, fault);
    }

    /// The next `count` requests meet `fault`.
    pub fn times(&self, count: u32, fault: Fault) {
        self.script().push(None, count, fault);
    }

    /// Every request meets `fault` until [`FaultProxy::heal`].
    pub fn always(&self, fault: Fault) {
        self.script().push(None, u32::MAX, fault);
    }

    /// Takes back every fault that is still to come.
    pub fn heal(&self) {
        *self.script() = Script::default();
    }

    /// Every exchange that has ended, in the order of their ends.
    pub fn exchanges(&self) -> Vec<Exchange> {
        lock(&self.shared.exchanges).clone()
    }

    /// Exchanges that have ended, with this method.
    pub fn count(&self, method: &str) -> usize {
        lock(&self.shared.exchanges).iter().filter(|exchange| exchange.method == method).count()
    }

    /// Body bytes sent to clients so far.
    pub fn bytes_down(&self) -> u64 {
        lock(&self.shared.exchanges).iter().map(|exchange| exchange.bytes_down).sum()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.shared.script)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Wakes the accepting thread; it may be gone already.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming().flatten() {
        if shared.over.load(Ordering::Relaxed) {
            return;
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let mut exchange = Exchange::default();
            // The peers see every failure themselves; the record says how far it got.
            let _ = relay::relay(&client, &shared, &mut exchange);
            lock(&shared.exchanges).push(exchange);
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
