//! A SAS URL as a typed capability: one blob, one right, one validity.
//!
//! [`ReadGrant`] and [`WriteGrant`] are parsed once, under a [`GrantPolicy`]; from then on nobody asks again.
//! [`audit()`] is the linter behind `valet grant lint` and behind every message that a worker takes; the rules are
//! data in [`Rule`], `SAS001` to `SAS021`.
//!
//! This crate must never do I/O, read a clock (`now` is an argument), hold a key or sign. No text that it makes
//! (`Debug`, `Display`, serde, errors, findings, explanations) may carry a signature;
//! `expose_url` is the one way out.

mod address;
mod audit;
mod cause;
mod development;
mod error;
mod explain;
mod finding;
mod grant;
pub mod limits;
mod name;
mod path;
mod policy;
mod redact;
mod right;
mod rules;
mod secret;
mod time;
pub mod token;
pub mod version;
mod words;

pub use audit::{audit, audit_pair};
pub use development::{DevelopmentHost, DevelopmentHostError};
pub use error::GrantError;
pub use explain::{Explanation, State, explain};
pub use finding::{Finding, Rule, Severity};
pub use grant::{GrantKind, Pin, ReadGrant, Role, WriteGrant, parse_pair};
pub use name::{
    BlobNameError, ContainerNameError, check_blob_name, check_container_name, is_system_container,
};
pub use path::BlobPath;
pub use policy::{GrantPolicy, HostRules, is_loopback_host};
pub use right::{Right, Rights, RightsError};
pub use secret::GrantUrl;
pub use time::{Validity, parse_sas_time};
pub use token::SasToken;
