//! A relay before a broker that can turn into a black hole: connections stay open and nothing passes any more, as
//! when a host vanishes without a word. Never looks at what passes.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A running relay; its threads end with the connections, or with us.
pub(super) struct Hole {
    address: SocketAddr,
    swallows: Arc<AtomicBool>,
}

impl Hole {
    /// Starts one before `target`, `127.0.0.1:port`.
    pub(super) fn start(target: &str) -> Result<Self, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|cause| cause.to_string())?;
        let address = listener.local_addr().map_err(|cause| cause.to_string())?;
        let swallows = Arc::new(AtomicBool::new(false));
        let (flag, target) = (Arc::clone(&swallows), target.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if let Ok(server) = TcpStream::connect(&target) {
                    join(&client, &server, &flag);
                    join(&server, &client, &flag);
                }
            }
        });
        Ok(Self { address, swallows })
    }

    /// Its own `127.0.0.1:port`.
    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on nothing passes, and nobody is told.
    pub(super) fn swallow(&self) {
        self.swallows.store(true, Ordering::Relaxed);
    }
}

/// Passes bytes one way until either side ends.
fn join(from: &TcpStream, to: &TcpStream, swallows: &Arc<AtomicBool>) {
    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else { return };
    let swallows = Arc::clone(swallows);
    thread::spawn(move || {
        let mut piece = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut piece) {
            let is_lost = swallows.load(Ordering::Relaxed);
            if !is_lost && to.write_all(&piece[..length]).is_err() {
                break;
            }
        }
        if !swallows.load(Ordering::Relaxed) {
            // One side's end is the other's; the peer may be gone already.
            let _ = to.shutdown(std::net::Shutdown::Both);
        }
    });
}
