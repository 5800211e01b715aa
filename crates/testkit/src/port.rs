//! Free TCP ports on 127.0.0.1 that stay ours.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};

/// Below Linux' range for outgoing connections (32768 up), so that a port cannot be taken by a client while
/// its server restarts.
const RANGE: std::ops::Range<u16> = 15_000..32_000;
const TRIES_MAX: usize = 500;

/// A port number that no other [`Port`] of any process of this user holds, for as long as this lives.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// The lock on it is the reservation; the system gives it up with the process.
    _reservation: File,
}

impl Port {
    /// Reserves a port on which nothing listens.
    ///
    /// # Panics
    /// When none is found.
    pub fn reserve() -> Self {
        (0..TRIES_MAX)
            .find_map(|_| Self::try_reserve(fastrand::u16(RANGE)))
            .unwrap_or_else(|| panic!("no free port among {TRIES_MAX} tried in {RANGE:?}"))
    }

    /// The port's number.
    pub fn number(&self) -> u16 {
        self.number
    }

    fn try_reserve(number: u16) -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("valet-ports-{}", rustix::process::getuid().as_raw()));
        fs::create_dir_all(&folder).ok()?;
        let reservation = File::create(folder.join(number.to_string())).ok()?;
        reservation.try_lock().ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Self { number, _reservation: reservation })
    }
}
