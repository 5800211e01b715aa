//! A DNS server of one test's own, on UDP and TCP of one port: it says of each name what the test scripted, question
//! by question, so that answers can change between check and use.
//!
//! Names that no script knows do not exist. It shares no code with the resolver that it is to try.

mod wire;

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use wire::{Question, Reply};

const TRIES_MAX: usize = 100;
/// The longest that a client of TCP may take.
const TCP_TIMEOUT: Duration = Duration::from_secs(10);

/// What is said to one question for the addresses of a name.
#[derive(Clone, Debug)]
pub enum DnsAnswer {
    /// These addresses: A records to a question for A, AAAA records to one for AAAA. TTL 0.
    Addresses(Vec<IpAddr>),
    /// Another name, and its own scripted addresses with it, as a recursive server says it.
    Alias(String),
    /// Another name alone: the resolver has to ask on.
    AliasAlone(String),
    /// NXDOMAIN.
    NoSuchName,
    /// SERVFAIL.
    Failure,
    /// REFUSED.
    Refused,
    /// Nothing at all.
    Silence,
    /// Over UDP that the answer is too long for it, over TCP these addresses.
    TooLong(Vec<IpAddr>),
    /// These addresses under another name than the one that was asked about.
    Stray(Vec<IpAddr>),
}

/// A running server; it ends on drop.
#[derive(Debug)]
pub struct Dns {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    names: Mutex<HashMap<String, Script>>,
    ended: AtomicBool,
}

#[derive(Debug, Default)]
struct Script {
    answers: Vec<DnsAnswer>,
    /// Questions so far, for A and for AAAA.
    asked: [usize; 2],
}

impl DnsAnswer {
    /// [`DnsAnswer::Addresses`] from texts.
    ///
    /// # Panics
    /// When one is no address.
    pub fn addresses(texts: &[&str]) -> Self {
        Self::Addresses(texts.iter().map(|text| text.parse().expect("an IP address")).collect())
    }
}

impl Dns {
    /// Starts a server that knows no name.
    ///
    /// # Panics
    /// When no port is free for both UDP and TCP.
    pub fn start() -> Self {
        let (udp, tcp) = (0..TRIES_MAX).find_map(|_| sockets().ok()).expect("a port is free for UDP and TCP");
        let address = tcp.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let (of_udp, of_tcp) = (Arc::clone(&shared), Arc::clone(&shared));
        thread::spawn(move || serve_udp(&udp, &of_udp));
        thread::spawn(move || serve_tcp(&tcp, &of_tcp));
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on `name` is answered by `answers`, one a question of each kind; the last one goes on.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn script(&self, name: &str, answers: impl Into<Vec<DnsAnswer>>) {
        let answers = answers.into();
        assert!(!answers.is_empty(), "a script says something");
        self.shared.names().insert(name.to_ascii_lowercase(), Script { answers, asked: [0; 2] });
    }

    /// How often `name` was asked about: for A, for AAAA.
    pub fn asked(&self, name: &str) -> [usize; 2] {
        self.shared.names().get(name).map_or([0; 2], |script| script.asked)
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // Wake both threads; one that has failed already needs no waking.
        let _ = TcpStream::connect(self.address);
        let _ =
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.send_to(&[], self.address));
    }
}

impl Shared {
    fn names(&self) -> MutexGuard<'_, HashMap<String, Script>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// What is said to a packet; `None` for silence.
    fn reply(&self, packet: &[u8], over_tcp: bool) -> Option<Vec<u8>> {
        let question = Question::read(packet)?;
        let reply = match self.next(&question.name, question.is_v6)? {
            DnsAnswer::Addresses(addresses) => Reply::addresses(&question.name, &addresses),
            DnsAnswer::Alias(to) => {
                let known = self.next(&to, question.is_v6);
                let Some(DnsAnswer::Addresses(addresses)) = known else { return None };
                Reply::alias(&question.name, &to).and(Reply::addresses(&to, &addresses))
            }
            DnsAnswer::AliasAlone(to) => Reply::alias(&question.name, &to),
            DnsAnswer::NoSuchName => Reply::failed(3),
            DnsAnswer::Failure => Reply::failed(2),
            DnsAnswer::Refused => Reply::failed(5),
            DnsAnswer::Silence => return None,
            DnsAnswer::TooLong(addresses) if over_tcp => Reply::addresses(&question.name, &addresses),
            DnsAnswer::TooLong(_) => Reply::truncated(),
            DnsAnswer::Stray(addresses) => Reply::addresses("stray.invalid", &addresses),
        };
        Some(reply.write(&question))
    }

    fn next(&self, name: &str, is_v6: bool) -> Option<DnsAnswer> {
        let mut names = self.names();
        let Some(script) = names.get_mut(name) else { return Some(DnsAnswer::NoSuchName) };
        let count = &mut script.asked[usize::from(is_v6)];
        let at = (*count).min(script.answers.len() - 1);
        *count += 1;
        script.answers.get(at).cloned()
    }
}

fn sockets() -> std::io::Result<(UdpSocket, TcpListener)> {
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let udp = UdpSocket::bind(tcp.local_addr()?)?;
    Ok((udp, tcp))
}

fn serve_udp(socket: &UdpSocket, shared: &Shared) {
    let mut packet = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut packet) {
        if shared.is_ended() {
            return;
        }
        if let Some(reply) = shared.reply(&packet[..length], false) {
            // Who asked may be gone.
            let _ = socket.send_to(&reply, from);
        }
    }
}

fn serve_tcp(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept() {
        if shared.is_ended() {
            return;
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || converse(stream, &shared));
    }
}

/// Question after question on one connection; ends with it, or when either side has had enough.
fn converse(mut stream: TcpStream, shared: &Shared) -> Option<()> {
    stream.set_read_timeout(Some(TCP_TIMEOUT)).ok()?;
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length).ok()?;
        let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut packet).ok()?;
        let Some(reply) = shared.reply(&packet, true) else { continue };
        stream.write_all(&u16::try_from(reply.len()).ok()?.to_be_bytes()).ok()?;
        stream.write_all(&reply).ok()?;
    }
}
