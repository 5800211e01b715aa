//! What a codec may ask of its door. Far above what any real file makes ffmpeg do, far below what would hurt.

use std::time::Duration;

/// Limits of one door.
#[derive(Debug, Clone)]
pub struct DoorLimits {
    /// Connections that are served at a time; more wait for their turn. ffmpeg opens the next one before it closes
    /// the last: 2.
    pub connections_served: usize,
    /// Connections open at a time, the waiting ones included. A codec may have 64 files, so no honest one has as many.
    pub connections_open_max: usize,
    /// Requests of one job. A badly interleaved mp4 seeks for every sample it reads.
    pub requests_max: u64,
    /// How many times its length the source may be read. Each pass of a preset and each seek reads some of it again.
    pub served_times_max: u64,
    /// Bytes that may be read above that: small sources are read more often than large ones.
    pub served_bytes_extra: u64,
    /// Time for the head of a request; a connection on which none comes is closed.
    pub head_wait: Duration,
}

impl Default for DoorLimits {
    /// 4 served, 64 open, 200,000 requests, 64 times the source and 1 GiB, 10 s for a head.
    fn default() -> Self {
        Self {
            connections_served: 4,
            connections_open_max: 64,
            requests_max: 200_000,
            served_times_max: 64,
            served_bytes_extra: 1 << 30,
            head_wait: Duration::from_secs(10),
        }
    }
}

impl DoorLimits {
    /// What may be read of a source of that length, in bytes.
    pub(super) fn served_bytes_max(&self, bytes: u64) -> u64 {
        bytes.saturating_mul(self.served_times_max).saturating_add(self.served_bytes_extra)
    }
}
