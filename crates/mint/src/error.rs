//! Why a grant was not minted. Every text says what to do; none holds a key or a signature.

use thiserror::Error;
use valet_grant::{BlobNameError, ContainerNameError};

/// A grant that must not, or cannot, be signed.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum MintError {
    /// The blob container's name cannot exist.
    #[error("cannot mint a grant in blob container {container:?}")]
    Container {
        /// The name as given, at most 256 characters of it.
        container: String,
        /// Which rule of the name it breaks.
        #[source]
        cause: ContainerNameError,
    },
    /// The blob's name could not be signed and read back unchanged.
    #[error("cannot mint a grant for blob {blob:?}")]
    Name {
        /// The name as given, at most 256 characters of it.
        blob: String,
        /// Which rule of the name it breaks.
        #[source]
        cause: BlobNameError,
    },
    /// Nothing says until when the grant holds.
    #[error("a grant needs an expiry (or a stored access policy that has one)")]
    NoExpiry,
    /// The grant would end before it starts.
    #[error("the grant would expire at {expiry}, before it starts at {start}")]
    EmptyValidity {
        /// Start of validity, as it would be signed.
        start: String,
        /// End of validity, as it would be signed.
        expiry: String,
    },
    /// The grant would open nothing.
    #[error("a grant needs at least one right (or a stored access policy that has them)")]
    NoRights,
    /// The right exists for blob containers only.
    #[error("rights {rights:?} cannot be given on one blob: list and find need a blob container")]
    ContainerRight {
        /// The rights as given.
        rights: String,
    },
    /// A value holds characters that no SAS field can.
    #[error("field {field} holds a line break or another control character")]
    Control {
        /// The SAS field, as the query names it.
        field: &'static str,
    },
    /// A feature that the chosen version does not sign.
    #[error("field {field} needs SAS version {since} or newer, and {version} was asked for")]
    TooOld {
        /// The SAS field, as the query names it.
        field: &'static str,
        /// The first version that signs it.
        since: &'static str,
        /// The version asked for.
        version: &'static str,
    },
    /// A feature of one kind of key that was asked of the other.
    #[error("field {field} cannot be signed with {kind}")]
    WrongKey {
        /// The SAS field, as the query names it.
        field: &'static str,
        /// The kind of key in use.
        kind: &'static str,
    },
    /// The grant would outlive the user delegation key that signs it, and die with it unannounced.
    #[error("the grant would expire at {expiry}, after its user delegation key does at {key_expiry}")]
    OutlivesKey {
        /// End of the grant's validity.
        expiry: String,
        /// End of the key's validity.
        key_expiry: String,
    },
}

impl MintError {
    /// What the caller can do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Name { .. } | Self::Container { .. } => {
                "rename the blob or blob container, or choose another output name"
            }
            Self::NoExpiry | Self::NoRights => "give it, or name a stored access policy with --policy-id",
            Self::EmptyValidity { .. } => {
                "check this machine's clock and the time to live that was asked for"
            }
            Self::ContainerRight { .. } => "use r for an input and c for an output",
            Self::Control { .. } => "take the control character out",
            Self::TooOld { .. } => "ask for a newer SAS version",
            Self::WrongKey { .. } => "leave the field out, or sign with the other kind of key",
            Self::OutlivesKey { .. } => "fetch a newer user delegation key, or ask for a shorter grant",
        }
    }
}
