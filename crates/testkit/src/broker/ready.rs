//! When a node is ready: it says so (systemd's notify protocol), or it answers AMQP.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use super::START_TIMEOUT;
use crate::Process;

/// How long one wait for a notification lasts; also the pace of the looks at the process.
const NOTIFY_WAIT: Duration = Duration::from_millis(100);
/// From when on an answer on the AMQP port counts too: the port opens shortly before `READY=1`.
const AMQP_AFTER: Duration = Duration::from_secs(20);
const AMQP_TIMEOUT: Duration = Duration::from_secs(1);
const PROTOCOL_HEADER: &[u8; 8] = b"AMQP\0\0\x09\x01";
/// First byte of a method frame, which is how a broker greets (`connection.start`).
const METHOD_FRAME: u8 = 1;

/// Listens for the node's notifications at `path`; before the node starts.
pub(super) fn listen(path: &Path) -> UnixDatagram {
    // A node that ran before left its socket there.
    let _ = std::fs::remove_file(path);
    let socket = UnixDatagram::bind(path).unwrap_or_else(|e| panic!("cannot bind {}: {e}", path.display()));
    socket.set_read_timeout(Some(NOTIFY_WAIT)).expect("the wait is not zero");
    socket
}

/// Waits until the node takes connections.
///
/// # Panics
/// When it ends or is not ready in time, with its last lines.
pub(super) fn await_ready(socket: &UnixDatagram, amqp_port: u16, process: &Process) {
    let start = Instant::now();
    let is_ready = || says_ready(socket) || (start.elapsed() > AMQP_AFTER && answers_amqp(amqp_port));
    while !is_ready() {
        assert!(process.is_running(), "RabbitMQ ended while starting\n{}", process.last_lines());
        let waited = start.elapsed();
        assert!(waited < START_TIMEOUT, "RabbitMQ not ready after {waited:?}\n{}", process.last_lines());
    }
}

fn says_ready(socket: &UnixDatagram) -> bool {
    let mut buffer = [0; 1024];
    let text = socket.recv(&mut buffer).map(|length| String::from_utf8_lossy(&buffer[..length]).into_owned());
    text.is_ok_and(|text| text.lines().any(|line| line == "READY=1"))
}

fn answers_amqp(port: u16) -> bool {
    let greet = || -> std::io::Result<u8> {
        let mut stream =
            TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), AMQP_TIMEOUT)?;
        stream.set_read_timeout(Some(AMQP_TIMEOUT))?;
        stream.write_all(PROTOCOL_HEADER)?;
        let mut first = [0];
        stream.read_exact(&mut first)?;
        Ok(first[0])
    };
    greet().is_ok_and(|first| first == METHOD_FRAME)
}
