//! skeleton
use crate::{BlobPath, Finding, GrantError, GrantPolicy, GrantUrl, Rights, Validity};
use jiff::Timestamp;
use serde::Serialize;
/// What a grant is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// To be read.
    Input,
    /// To be created.
    Output,
}
impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Input => "input",
            Self::Output => "output",
        })
    }
}
/// What signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantKind {
    /// An account key.
    Service,
    /// A user delegation key.
    UserDelegation,
}
/// Which frozen state of the blob is opened.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pin {
    /// A snapshot's time.
    Snapshot(String),
    /// A version's id.
    Version(String),
}
macro_rules! grant {
    ($name:ident) => {
        /// One blob, one right, one validity.
        #[derive(Clone)]
        pub struct $name {}
        impl $name {
            /// Parses.
            pub fn parse(_url: GrantUrl, _policy: &GrantPolicy, _now: Timestamp) -> Result<Self, GrantError> {
                todo!()
            }
            /// The blob.
            pub fn blob(&self) -> &BlobPath {
                todo!()
            }
            /// The rights.
            pub fn rights(&self) -> Rights {
                todo!()
            }
            /// The validity.
            pub fn validity(&self) -> Validity {
                todo!()
            }
            /// `sv`.
            pub fn version(&self) -> &str {
                todo!()
            }
            /// The kind.
            pub fn kind(&self) -> GrantKind {
                todo!()
            }
            /// The host, without port.
            pub fn host(&self) -> &str {
                todo!()
            }
            /// The pin.
            pub fn pin(&self) -> Option<&Pin> {
                todo!()
            }
            /// The findings below the line of refusal.
            pub fn findings(&self) -> &[Finding] {
                todo!()
            }
            /// The secret URL type.
            pub fn url(&self) -> &GrantUrl {
                todo!()
            }
            /// The URL with its signature.
            pub fn expose_url(&self) -> &str {
                todo!()
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                todo!()
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                todo!()
            }
        }
    };
}
grant!(ReadGrant);
grant!(WriteGrant);
