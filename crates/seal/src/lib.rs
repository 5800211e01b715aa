//! Grants that only the fleet can open, so that neither the broker nor its operators see one.
//!
//! A sealed grant is a JWE in compact form (RFC 7516) with `ECDH-ES+A256KW` and `A256GCM` (RFC 7518) on P-256. Its
//! protected header, which is authenticated, names job, lane, preset and expiry: copied into another message it does
//! not open. The producer and partners seal; workers alone open.
//!
//! Must never print or log a private key or a grant, and must never open anything for another message than its own.

mod content;
mod error;
mod jwe;
mod jwk;
mod kdf;
mod private;
mod public;

pub use error::{KeyError, KeyFileError, OpenError, SealError};
pub use private::{FleetPrivateKey, FleetPrivateKeys};
pub use public::{FleetPublicKey, FleetPublicKeys};
