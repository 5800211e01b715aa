//! Networks: other sockets than the door's, and other peers behind it.
//!
//! `connect()` is reported done without being executed, so an attempt only counts as done if it owns an internet
//! socket, or if somebody other than the door answers.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::time::Duration;

use super::attempt::{Act, Attempt};
use super::outcome::{Outcome, call};
use super::{Canaries, GREETING};

const GROUP: &str = "network";

/// How long an attempt waits for an answer. The door answers, or closes, at once.
const PATIENCE: Duration = Duration::from_secs(3);

/// More than a jail may have open.
const SOCKETS_TRIED: usize = 256;

/// `IPPROTO_MPTCP`, `IPPROTO_SCTP`.
const MPTCP: i32 = 262;
const SCTP: i32 = 132;

const fn attempt(name: &'static str, what: &'static str, act: fn(&Canaries) -> Outcome) -> Attempt {
    Attempt::new(GROUP, name, what, Act::Call(act))
}

const fn other_socket(
    name: &'static str,
    what: &'static str,
    domain: i32,
    kind: i32,
    protocol: i32,
) -> Attempt {
    Attempt::new(GROUP, name, what, Act::Socket(domain, kind, protocol))
}

/// Peers.
pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt("connect-loopback", "connect to a service of this machine", |c| {
        ask(&format!("127.0.0.1:{}", c.loopback_port), "GET /secret HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    })
    .at_start(),
    attempt("connect-metadata", "connect to the cloud's metadata service, 169.254.169.254", |_| {
        let request = "GET /metadata/instance?api-version=2021-02-01 HTTP/1.1\r\nHost: 169.254.169.254\r\n\
                       Metadata: true\r\n\r\n";
        ask("169.254.169.254:80", request)
    }),
    attempt("connect-wireserver", "connect to Azure's WireServer, 168.63.129.16", |_| {
        ask("168.63.129.16:80", "GET /?comp=versions HTTP/1.1\r\nHost: 168.63.129.16\r\n\r\n")
    }),
    attempt("abstract-socket", "connect to an abstract unix socket of this machine", |c| {
        greet(
            SocketAddr::from_abstract_name(&c.abstract_socket)
                .and_then(|name| UnixStream::connect_addr(&name)),
        )
    })
    .at_start(),
    attempt("path-socket", "connect to a unix socket by its path", |c| {
        greet(UnixStream::connect(&c.socket_path))
    }),
    attempt("tcp-fast-open", "connect by sending, without connect()", |c| fast_open(c.loopback_port)),
    attempt("send-to-address", "send to an address on the door's socket", |c| {
        on_door(|door| send_to(door, c.loopback_port, 0))
    }),
    attempt("send-descriptor", "hand a descriptor out through the door's socket", |_| {
        on_door(|door| call!("sent one", SYS_sendmsg, door, 0, 0))
    }),
    attempt("receive-descriptor", "take a descriptor in through the door's socket", |_| {
        on_door(|door| call!("received one", SYS_recvmsg, door, 0, libc::MSG_DONTWAIT))
    }),
    attempt("listen", "wait for connections on a port that the kernel picks", |_| {
        on_door(|door| call!("listens", SYS_listen, door, 1))
    }),
    attempt("bind", "take a port", |_| on_door(|door| call!("has a port", SYS_bind, door, 0, 0))),
    attempt("accept", "accept a connection", |_| {
        on_door(|door| call!("accepted", SYS_accept4, door, 0, 0, 0))
    }),
    attempt("many-sockets", "ask for sockets without end", |_| many()),
];

/// Sockets that are not the door's kind.
pub(super) const SOCKETS: &[Attempt] = &[
    other_socket("udp-socket", "a UDP socket", libc::AF_INET, libc::SOCK_DGRAM, 0).at_start(),
    other_socket("tcp6-socket", "a TCP socket over IPv6", libc::AF_INET6, libc::SOCK_STREAM, 0),
    other_socket("mptcp-socket", "a multipath TCP socket", libc::AF_INET, libc::SOCK_STREAM, MPTCP),
    other_socket("sctp-socket", "an SCTP socket", libc::AF_INET, libc::SOCK_STREAM, SCTP),
    other_socket("raw-socket", "a raw socket", libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
    other_socket("packet-socket", "a packet socket", libc::AF_PACKET, libc::SOCK_RAW, 0),
    other_socket("unix-socket", "a unix socket", libc::AF_UNIX, libc::SOCK_STREAM, 0),
    other_socket("netlink-socket", "a netlink socket", libc::AF_NETLINK, libc::SOCK_RAW, 0),
    other_socket("vsock-socket", "a socket to the hypervisor", libc::AF_VSOCK, libc::SOCK_STREAM, 0),
    other_socket(
        "crypto-socket",
        "a socket to the kernel's cryptography",
        libc::AF_ALG,
        libc::SOCK_SEQPACKET,
        0,
    ),
];

pub(super) fn socket(domain: i32, kind: i32, protocol: i32) -> Outcome {
    call!("has one", SYS_socket, domain, kind | libc::SOCK_CLOEXEC, protocol)
}

/// Connects, asks, and looks at who answers.
pub(super) fn ask(address: &str, request: &str) -> Outcome {
    let stream = match TcpStream::connect(address) {
        Ok(stream) => stream,
        Err(error) => return Outcome::refused(&error),
    };
    if is_internet(&stream) {
        return Outcome::Did(format!("owns an internet socket, connected to {address}"));
    }
    match answer(stream, request.as_bytes()) {
        Ok(bytes) => read_answer(&bytes),
        Err(error) => Outcome::refused(&error),
    }
}

/// Writes what it can (a door may close in the middle), then reads the answer's beginning.
fn answer(mut stream: impl Read + Write + AsRawFd, request: &[u8]) -> io::Result<Vec<u8>> {
    let patience = libc::timeval { tv_sec: PATIENCE.as_secs().cast_signed(), tv_usec: 0 };
    for option in [libc::SO_RCVTIMEO, libc::SO_SNDTIMEO] {
        // SAFETY: the option's value is as long as said and outlives the call.
        unsafe {
            let length = size_of_val(&patience) as libc::socklen_t;
            libc::setsockopt(
                stream.as_raw_fd(),
                libc::SOL_SOCKET,
                option,
                (&raw const patience).cast(),
                length,
            )
        };
    }
    // A refusal may come before the request is written to its end.
    let written = stream.write_all(request);
    let mut bytes = vec![0; 1024];
    let mut length = 0;
    while length < bytes.len() && !bytes[..length].contains(&b'\n') {
        match stream.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if length == 0 => return Err(written.err().unwrap_or(error)),
            Err(_) => break,
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// Who said this: the door refuses with a status, others do not.
fn read_answer(bytes: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(bytes);
    let status = text.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
    match status {
        _ if text.contains(GREETING) => Outcome::Did("a canary answered".to_owned()),
        Some(status) if status.starts_with('2') || status == "101" => Outcome::Did(format!("HTTP {status}")),
        Some(status) => Outcome::Refused(format!("HTTP {status}")),
        None if bytes.is_empty() => Outcome::Refused("closed".to_owned()),
        None => Outcome::Did(format!("somebody answered {text}")),
    }
}

/// Whether the kernel made a real internet socket, and not one end of the door's pair.
fn is_internet(stream: &TcpStream) -> bool {
    let mut domain: libc::c_int = 0;
    let mut length = size_of_val(&domain) as libc::socklen_t;
    // SAFETY: value and length are of the option's layout and outlive the call.
    let known = unsafe {
        let value = (&raw mut domain).cast();
        libc::getsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_DOMAIN, value, &raw mut length)
    };
    known < 0 || domain != libc::AF_UNIX
}

fn greet(connected: io::Result<UnixStream>) -> Outcome {
    match connected.and_then(|stream| answer(stream, b"hello\n")) {
        Ok(bytes) => read_answer(&bytes),
        Err(error) => Outcome::refused(&error),
    }
}

/// Something with a socket of the door's kind, not yet connected.
fn on_door(act: impl FnOnce(i32) -> Outcome) -> Outcome {
    // SAFETY: plain numbers.
    let door = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
    if door < 0 {
        return Outcome::Broken(format!("no socket from the door: {}", io::Error::last_os_error()));
    }
    act(door)
}

fn fast_open(port: u16) -> Outcome {
    on_door(|door| send_to(door, port, libc::MSG_FASTOPEN))
}

fn send_to(door: i32, port: u16, flags: i32) -> Outcome {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
        sin_zero: [0; 8],
    };
    call!("sent", SYS_sendto, door, c"x".as_ptr(), 1, flags, &raw const address, size_of_val(&address))
}

fn many() -> Outcome {
    for count in 0..SOCKETS_TRIED {
        // SAFETY: plain numbers.
        if unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) } < 0 {
            let Outcome::Refused(by) = Outcome::refused(&io::Error::last_os_error()) else { continue };
            return Outcome::Refused(format!("{by} after {count}"));
        }
    }
    Outcome::Did(format!("has {SOCKETS_TRIED} sockets"))
}
