//! The send buffer of one connection: small while the codec may seek away, wide once it reads on and on.
//!
//! What lies in the buffer when the codec hangs up was fetched for nothing; what does not fit into it costs a wake-up of
//! both sides. Must never outlive its connection: it holds the same socket.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of one answer after which its reader counts as steady. A seek after that wastes a twentieth of it at most.
const STEADY_BYTES: u64 = 8 << 20;

/// The wide buffer, in bytes. The kernel may grant less (net.core.wmem_max, 208 KiB by default).
const WIDE_BYTES: usize = 512 << 10;

/// A connection's send buffer, if it has one that can be widened.
#[derive(Debug, Clone, Default)]
pub(super) struct Buffer(Option<Arc<Socket>>);

#[derive(Debug)]
struct Socket {
    descriptor: OwnedFd,
    is_wide: AtomicBool,
}

impl Buffer {
    /// That of `socket`. One that cannot be had stays as it is.
    pub(super) fn of(socket: &impl AsFd) -> Self {
        let descriptor = socket.as_fd().try_clone_to_owned().ok();
        Self(descriptor.map(|descriptor| Arc::new(Socket { descriptor, is_wide: AtomicBool::new(false) })))
    }

    /// Takes note that an answer has sent so many bytes.
    pub(super) fn sent(&self, bytes: u64) {
        let Some(socket) = &self.0 else { return };
        if bytes >= STEADY_BYTES && !socket.is_wide.swap(true, Ordering::Relaxed) {
            // Refused, it costs time alone.
            let _ = rustix::net::sockopt::set_socket_send_buffer_size(&socket.descriptor, WIDE_BYTES);
        }
    }
}
