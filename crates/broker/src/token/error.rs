//! Why a token cannot be used: what is wrong with which file. Never repeats any of it but a login's name.

use jiff::Timestamp;
use std::{io, path::PathBuf};

/// Why the token in a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The file is not there, or closed to us, or no text.
    #[error("cannot read the broker token in {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// Something else than a token.
    #[error("{} is larger than any broker token", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// No token, or one that lacks something.
    #[error("the broker token in {} {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// It has ended.
    #[error("the broker token in {} expired at {at}", path.display())]
    Expired {
        /// The file.
        path: PathBuf,
        /// When.
        at: Timestamp,
    },
    /// Another login's: messages would have another sender.
    #[error("the broker token in {} is the login {found}'s, not {wanted}'s", path.display())]
    OtherLogin {
        /// The file.
        path: PathBuf,
        /// Whose it must be.
        wanted: String,
        /// Whose it is.
        found: String,
    },
}

impl TokenError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => {
                "check the path in broker.token_file and who may read it (the file's own folder too)"
            }
            Self::TooLarge { .. } | Self::Malformed { .. } => {
                "put a token there as `valet topology token ROLE --for 12h --out FILE` makes it"
            }
            Self::Expired { .. } => {
                "put a new one there: `valet topology token ROLE --for 12h --out FILE`; check both clocks"
            }
            Self::OtherLogin { .. } => {
                "put that login's token there, or start the program anew for the other one"
            }
        }
    }
}
