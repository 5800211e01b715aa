//! The jailed codec's only way out: one object, read over HTTP/1.1. Whoever asks may be an exploited decoder.
//!
//! ```text
//! codec ── socket() ──▶ connection ── rules ──▶ answer ◀── source ◀── Reader ── storage
//!                           └── heads, range        └── trip: the first broken rule ends the job
//! ```
//!
//! It answers `GET` and `HEAD` of `/input` and nothing else. It must never take an address, a path, or any other
//! choice of what to read from what it is asked, and never tell the codec why storage failed.

mod answer;
mod connection;
mod heads;
mod limits;
mod range;
mod rules;
mod source;
mod trip;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub use limits::DoorLimits;
pub use source::Source;
pub use trip::{Trip, Violation};

/// How long what a codec has sent before its end is still looked at. Its sockets are closed by then, so that each
/// connection ends by itself; a rule that its last request broke must not go unseen.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// What has passed through a door. Two of these differ if the codec did anything in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DoorStats {
    /// Connections that the codec opened.
    pub connections: u64,
    /// Requests that it made.
    pub requests: u64,
    /// Bytes of the source that went out to it.
    pub served_bytes: u64,
}

/// One job's door. Clones are the same door.
#[derive(Debug, Clone)]
pub struct Door(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    source: Source,
    limits: DoorLimits,
    served_bytes_max: u64,
    serving: Semaphore,
    open: AtomicUsize,
    connections: AtomicU64,
    requests: AtomicU64,
    served_bytes: AtomicU64,
    trip: watch::Sender<Option<Trip>>,
}

impl Door {
    /// A door to `source`.
    #[must_use]
    pub fn new(source: Source, limits: DoorLimits) -> Self {
        Self(Arc::new(Shared {
            served_bytes_max: limits.served_bytes_max(source.bytes()),
            serving: Semaphore::new(limits.connections_served),
            source,
            limits,
            open: AtomicUsize::new(0),
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            served_bytes: AtomicU64::new(0),
            trip: watch::Sender::new(None),
        }))
    }

    /// Serves every stream that comes out of the jail, until the jail is over and all it sent has been looked at.
    pub async fn serve(&self, doors: valet_jail::Doors) {
        let next = |mut doors: valet_jail::Doors| async move { Some((doors.next().await?, doors)) };
        self.serve_each(futures::stream::unfold(doors, next)).await;
    }

    /// Serves each of `streams`.
    async fn serve_each(&self, streams: impl Stream<Item = UnixStream>) {
        let mut connections = JoinSet::new();
        let mut streams = pin!(streams);
        while let Some(stream) = streams.next().await {
            while connections.try_join_next().is_some() {}
            let door = self.clone();
            connections.spawn(async move { door.serve_stream(stream).await });
        }
        let last_look = async { while connections.join_next().await.is_some() {} };
        // Whatever lasts longer than this is aborted with the set.
        let _ = tokio::time::timeout(LAST_LOOK, last_look).await;
    }

    /// Waits until the door has shut for good, and tells why.
    pub async fn tripped(&self) -> Trip {
        let mut trip = self.0.trip.subscribe();
        match trip.wait_for(Option::is_some).await.map(|trip| trip.clone()) {
            Ok(Some(trip)) => trip,
            // It cannot be: the sender is ours, and what was waited for is there.
            _ => std::future::pending().await,
        }
    }

    /// Why the door has shut, if it has.
    #[must_use]
    pub fn trip(&self) -> Option<Trip> {
        self.0.trip.borrow().clone()
    }

    /// Why to end a codec that has waited here for `at_least`, and still waits for what it asked: storage does not
    /// give it. None for one that stands still by itself.
    #[must_use]
    pub fn late(&self, at_least: Duration) -> Option<Trip> {
        self.0.source.late(at_least)
    }

    /// What has passed through so far.
    #[must_use]
    pub fn stats(&self) -> DoorStats {
        let Shared { connections, requests, served_bytes, .. } = &*self.0;
        DoorStats {
            connections: connections.load(Ordering::Relaxed),
            requests: requests.load(Ordering::Relaxed),
            served_bytes: served_bytes.load(Ordering::Relaxed),
        }
    }
}

impl Shared {
    fn is_shut(&self) -> bool {
        self.trip.borrow().is_some()
    }

    /// Shuts the door. The first reason stands: what comes after it may be its consequence.
    fn shut(&self, trip: Trip) {
        self.trip.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(trip);
            is_first
        });
    }

    /// Counts a request; false when it is one too many.
    fn admit_request(&self) -> bool {
        self.requests.fetch_add(1, Ordering::Relaxed) < self.limits.requests_max
    }

    /// Counts bytes before they go out; false when they are too many.
    fn admit_bytes(&self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let before = self.served_bytes.fetch_add(bytes, Ordering::Relaxed);
        before.saturating_add(bytes) <= self.served_bytes_max
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use tokio::io::AsyncWriteExt as _;

    use super::*;

    fn door_to(content: &[u8]) -> Door {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(content, 0).unwrap();
        let source = Source::File { file: Arc::new(file), bytes: content.len() as u64 };
        Door::new(source, DoorLimits::default())
    }

    #[tokio::test]
    async fn what_a_codec_sent_before_its_end_is_looked_at() {
        let door = door_to(b"0123456789");
        let mut streams = Vec::new();
        for line in ["GET /input HTTP/1.1", "GET /secret HTTP/1.1"] {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            ours.write_all(format!("{line}\r\nHost: 127.0.0.1\r\n\r\n").as_bytes()).await.unwrap();
            streams.push(theirs);
        }
        door.serve_each(futures::stream::iter(streams)).await;
        let Some(Trip::Violation(violation)) = door.trip() else { panic!("{:?}", door.trip()) };
        assert_eq!(violation.asked, "GET /secret HTTP/1.1");
    }
}
