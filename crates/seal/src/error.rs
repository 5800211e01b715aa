//! What can be wrong with keys and with sealed grants.
//! Must never repeat a key, a grant or a text that could be one.

use std::io;
use std::path::PathBuf;

/// Why sealed grants do not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// They are sealed to a key that is not at hand.
    #[error("the grants are sealed to key {kid}, which is not among this worker's keys ({known})")]
    UnknownKey {
        /// The key that they name.
        kid: String,
        /// How many there are: "2 keys".
        known: String,
    },
    /// Their header names another job, lane, preset or expiry than the message that they came in.
    #[error("the sealed grants are bound to another job, lane, preset or expiry than their message has")]
    OtherMessage,
    /// Header, key or content were changed, or sealed to another key than they name.
    #[error("the sealed grants do not open: somebody has changed them, or they were sealed to another key")]
    Broken,
    /// They open, and hold something else.
    #[error("the sealed grants hold no JSON object with the texts input and output")]
    Content,
}

/// Why grants cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    NoRandomness,
    /// They are longer than a message may hold.
    #[error("the two URLs are too long to be sealed")]
    TooLong,
}

/// Why a text is no key, or no list of keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not JSON, or not of a JWK's shape.
    #[error("it is no JSON of a JWK or of a JWK Set (RFC 7517)")]
    NotJwk,
    /// A key of another kind.
    #[error("a key is not of kty EC on crv P-256 for alg ECDH-ES+A256KW")]
    OtherKind,
    /// A key without a usable name.
    #[error("a key's kid is not 1 to 64 characters out of A-Z a-z 0-9 . _ ~ -")]
    BadId,
    /// A public key that is no point of the curve, or a private one that is no number of it or not the public one's.
    #[error("key {kid} is no key of P-256")]
    NoPoint {
        /// Which one.
        kid: String,
    },
    /// Two keys of one name.
    #[error("two keys have the kid {kid}")]
    Doubled {
        /// Their name.
        kid: String,
    },
    /// A private key where public ones belong.
    #[error("key {kid} is a private key, and this list is for everybody")]
    Private {
        /// Which one.
        kid: String,
    },
    /// A public key where private ones belong.
    #[error("key {kid} is a public key: it opens nothing")]
    Public {
        /// Which one.
        kid: String,
    },
    /// A list without keys.
    #[error("there is no key in it")]
    Empty,
}

/// Why a file of keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot read the key file {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        cause: io::Error,
    },
    /// Others may read or write it.
    #[error("the key file {} may be read or written by others (mode {mode:04o})", path.display())]
    NotPrivate {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is larger than a list of keys can be.
    #[error("the key file {} is larger than {bytes_max} bytes", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// The limit.
        bytes_max: u64,
    },
    /// What it holds is no key.
    #[error("the key file {} cannot be used", path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        cause: KeyError,
    },
}

impl KeyFileError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Read { .. } => "check the path, and that the program's user may read it",
            Self::NotPrivate { .. } => "chmod 0600 it, or 0440 with a group of its own",
            Self::TooLarge { .. } | Self::Key { .. } => {
                "`valet fleet keygen` writes such files, `valet fleet publish` checks them"
            }
        }
    }
}
