//! HTTPS to exactly one granted blob: a ranged read pinned to one content, one atomic write, behind an
//! egress guard.
//!
//! This crate must never sign, list, or reach a blob that no grant names; it must never print a URL's query.

mod clock;
mod deadline;
mod digest;
mod error;
mod fetch;
mod frontier;
pub mod http;
mod input;
mod probe;
mod range;
mod reader;
mod retry;
mod scratch;
mod store;
mod upload;

pub use clock::{Clock, SystemClock};
pub use digest::{Digests, hash_file};
pub use error::{Operation, StorageError, StorageErrorKind};
pub use fetch::{FetchOptions, Fetched, Md5Check};
pub use input::Input;
pub use probe::{Presence, probe_stored};
pub use reader::{Cursor, ReadStats, Reader, ReaderOptions};
pub use retry::RetryPolicy;
pub use store::{EarlierAttempt, Metadata, PUT_BYTES_MAX, StoreOutcome, StoreSpec, Stored, store};

/// The REST version that every request names in `x-ms-version`.
///
/// From 2019-12-12 on, one Put Blob may carry 5,000 MiB; this one is known to every Azurite in use.
pub const API_VERSION: &str = "2022-11-02";
