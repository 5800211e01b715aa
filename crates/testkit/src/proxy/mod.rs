//! A proxy that fails on command, between a client and Azurite.

use std::time::Duration;

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Pass this many bytes of the response's body, then close.
    CutAfter(u64),
    /// Pass this many bytes of the request's body, then close both sides.
    CutUploadAfter(u64),
    /// Answer with this status instead of asking the server.
    Status(u16),
    /// Let the server do it, then swallow its answer and close.
    DropResponse,
    /// Close the connection without reading the request.
    Refuse,
    /// Wait before the request goes on; then nothing else happens to it.
    Latency(Duration),
}

/// A running proxy on a port of its own.
#[derive(Debug)]
pub struct FaultProxy {}

impl FaultProxy {
    /// Starts one before `target`, `127.0.0.1:port`.
    pub fn start(_target: &str) -> Self {
        todo!()
    }
}
