//! Signing key and string-to-sign to grants: the only crate that creates authority.
//!
//! A [`Signer`] holds one account and one key and mints SAS URLs as
//! [`GrantUrl`](valet_grant::GrantUrl)s. It knows every layout of the service SAS and of the user
//! delegation SAS, checks names, times and rights before it signs, and can tell whether an old grant
//! was signed with its own key ([`Signer::verify`]).
//!
//! It must never do I/O, read a clock, or be reachable from the worker: a program that links this crate
//! can hand out rights.

mod account;
mod check;
mod error;
mod fields;
mod key;
mod layout;
mod signer;
mod spec;
mod stamp;
mod url;
#[cfg(test)]
mod vectors;
mod verify;
mod version;

pub use account::{Account, AccountError};
pub use error::MintError;
pub use key::{AccountKey, DelegationKey, KeyError};
pub use signer::Signer;
pub use spec::{Binding, GrantSpec, IpRange, Protocol, Resource, ResponseHeaders, SKEW};
pub use verify::VerifyError;
pub use version::{SasVersion, UnknownVersion};
