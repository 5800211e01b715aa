//! Why an operation on a blob failed: one kind, one thing to do about it.

use std::net::IpAddr;

/// Why it failed.
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
    /// The address is one that Valet does not talk to; the text says which and why.
    EgressRefused(String),
    /// The scratch disk is full.
    ScratchFull,
    /// The scratch file cannot be read or written.
    Scratch,
    /// An answer that this crate does not know.
    Unexpected {
        /// HTTP status; 0 when there was none.
        status: u16,
        /// Storage's error code, or what else was odd; may be empty.
        code: String,
    },
}

impl StorageErrorKind {
    /// Whether the same operation may succeed later with the same grant.
    pub fn is_transient(&self) -> bool {
        match self {
            // A start to come is a wait, but of unknown length: the job's own retry is for that.
            Self::Throttled | Self::Unavailable | Self::Connection | Self::Timeout => true,
            Self::GrantNotYetValid | Self::ScratchFull | Self::Scratch => true,
            Self::GrantExpired
            | Self::GrantInvalid
            | Self::WrongRight
            | Self::WrongAddress(_)
            | Self::WrongProtocol
            | Self::BlobMissing
            | Self::ContainerMissing
            | Self::BlobArchived
            | Self::NameCollision
            | Self::InputChanged
            | Self::TooLarge { .. }
            | Self::Md5Mismatch
            | Self::EgressRefused(_)
            | Self::Unexpected { .. } => false,
        }
    }

    /// Whether this crate itself tries again: only what a short pause can mend.
    pub(crate) fn is_worth_a_pause(&self) -> bool {
        matches!(self, Self::Throttled | Self::Unavailable | Self::Connection | Self::Timeout)
    }
}
