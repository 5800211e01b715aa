//! What went wrong with storage, in words for people and in kinds for the worker's decision. It never holds a URL.

use std::{error::Error, fmt, net::IpAddr};

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Asking for the input's length, ETag and MD5.
    Open,
    /// Reading the input's bytes.
    Fetch,
    /// Writing the output.
    Store,
}

/// Why it failed. One kind, one thing to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageErrorKind {
    /// The grant's expiry has passed.
    GrantExpired,
    /// The grant's start has not come.
    GrantNotYetValid,
    /// Storage does not accept the grant's signature.
    GrantInvalid,
    /// The grant does not hold the right that this operation needs.
    WrongRight,
    /// The grant is bound to other addresses than ours (which storage may have told).
    WrongAddress(Option<IpAddr>),
    /// The grant does not allow http.
    WrongProtocol,
    /// There is no such blob.
    BlobMissing,
    /// There is no such blob container.
    ContainerMissing,
    /// The blob is in the archive tier.
    BlobArchived,
    /// A blob of the output's name exists, and no try of ours can have made it.
    NameCollision,
    /// The input is not the content that was asked for or opened.
    InputChanged,
    /// More bytes than are allowed.
    TooLarge {
        /// The size met.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The bytes do not match their MD5.
    Md5Mismatch,
    /// Storage asks for fewer requests.
    Throttled,
    /// Storage is down or failing.
    Unavailable,
    /// No connection, or it broke.
    Connection,
    /// An answer, or the end of the transfer, did not come in time.
    Timeout,
    /// The address is one that Valet does not talk to.
    EgressRefused(String),
    /// The scratch disk is full.
    ScratchFull,
    /// The scratch file cannot be read or written.
    Scratch,
    /// An answer that this crate does not know.
    Unexpected {
        /// HTTP status; 0 when there was none.
        status: u16,
        /// Storage's error code; empty when there was none.
        code: String,
    },
}

/// A failed operation on one blob. `Display` says what happened, [`StorageError::advice`] what to do.
#[derive(Debug)]
pub struct StorageError {
    /// Why.
    pub kind: StorageErrorKind,
    /// What was being done.
    pub operation: Operation,
    /// `account/container/blob`.
    pub blob: String,
    /// HTTP status, when storage answered.
    pub status: Option<u16>,
    /// Storage's own error code, when it sent one.
    pub code: Option<String>,
    /// Storage's request id, for a support case.
    pub request_id: Option<String>,
}

impl StorageError {
    /// What a person should do.
    pub fn advice(&self) -> String {
        todo!()
    }

    /// Whether the same operation may succeed later with the same grant.
    pub fn is_transient(&self) -> bool {
        todo!()
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

impl Error for StorageError {}
