//! The two grants of a job, parsed once. Whoever holds one holds one blob, the right of its role and a validity
//! that had not ended; wrong use does not compile. Never prints its signature.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::audit::{Subject, across, not_a_url};
use crate::error::GrantError;
use crate::finding::Finding;
use crate::path::BlobPath;
use crate::policy::GrantPolicy;
use crate::right::Rights;
use crate::secret::GrantUrl;
use crate::time::Validity;

/// What a grant is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The blob that the job reads.
    Input,
    /// The blob that the job creates.
    Output,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Input => "input",
            Self::Output => "output",
        })
    }
}

/// What signed a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantKind {
    /// An account key.
    Service,
    /// A user delegation key, given out by Entra ID.
    UserDelegation,
}

/// The frozen state of a blob that a grant opens, in storage's own spelling.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pin {
    /// The time of a snapshot.
    Snapshot(String),
    /// The id of a version.
    Version(String),
}

/// What a parse has proven, beside the URL itself.
#[derive(Clone)]
struct Facts {
    blob: BlobPath,
    host: String,
    rights: Rights,
    validity: Validity,
    version: String,
    kind: GrantKind,
    pin: Option<Pin>,
}

impl Facts {
    fn of(subject: &Subject<'_>) -> Option<Self> {
        let Subject { address, token, .. } = subject;
        Some(Self {
            blob: address.blob_path()?,
            host: address.host.clone(),
            rights: token.rights(),
            validity: token.validity()?,
            version: token.version()?.to_owned(),
            kind: token.kind(),
            pin: token.pin(),
        })
    }
}

/// What both grants hold.
#[derive(Clone)]
struct Grant {
    url: GrantUrl,
    facts: Facts,
    findings: Vec<Finding>,
}

impl Grant {
    fn parse(url: GrantUrl, role: Role, policy: &GrantPolicy, now: Timestamp) -> Result<Self, GrantError> {
        let Some(subject) = Subject::new(&url, role, policy, now) else {
            let findings = vec![not_a_url(&url, role)];
            return Err(GrantError::Refused { role, blob_or_host: url.redacted(), findings });
        };
        let (refusing, findings): (Vec<_>, Vec<_>) =
            subject.findings().partition(|finding| finding.refuses(policy));
        if !refusing.is_empty() {
            return Err(GrantError::Refused { role, blob_or_host: subject.place(), findings: refusing });
        }
        // The rules refuse whatever has no blob, times or version. Should one fail to, this stays closed.
        let facts = Facts::of(&subject)
            .ok_or_else(|| GrantError::Incomplete { role, blob_or_host: subject.place() })?;
        Ok(Self { url, facts, findings })
    }

    fn line(&self) -> String {
        let Facts { blob, rights, validity, .. } = &self.facts;
        format!("{blob}, {rights}, until {}", validity.expiry)
    }
}

macro_rules! grant {
    ($(#[$doc:meta])* $name:ident, $role:expr) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Grant);

        impl $name {
            /// Parses and judges a URL once.
            ///
            /// # Errors
            /// The audit has a finding that refuses the grant: one of `policy.refuse_from` or above, or one that is
            /// wrong by construction.
            pub fn parse(url: GrantUrl, policy: &GrantPolicy, now: Timestamp) -> Result<Self, GrantError> {
                Grant::parse(url, $role, policy, now).map(Self)
            }

            /// The one blob.
            pub fn blob(&self) -> &BlobPath {
                &self.0.facts.blob
            }

            /// The rights in the token.
            pub fn rights(&self) -> Rights {
                self.0.facts.rights
            }

            /// When the grant works, by its own times and those of its key.
            pub fn validity(&self) -> Validity {
                self.0.facts.validity
            }

            /// The storage service version (`sv`), `YYYY-MM-DD`.
            pub fn version(&self) -> &str {
                &self.0.facts.version
            }

            /// What signed it.
            pub fn kind(&self) -> GrantKind {
                self.0.facts.kind
            }

            /// The host, without port; IPv6 in brackets.
            pub fn host(&self) -> &str {
                &self.0.facts.host
            }

            /// The frozen state of the blob that is opened, if the grant names one.
            pub fn pin(&self) -> Option<&Pin> {
                self.0.facts.pin.as_ref()
            }

            /// What the audit found below the line of refusal.
            pub fn findings(&self) -> &[Finding] {
                &self.0.findings
            }

            /// The URL, still secret.
            pub fn url(&self) -> &GrantUrl {
                &self.0.url
            }

            /// The URL with its signature: for the request to storage, never for a log.
            pub fn expose_url(&self) -> &str {
                self.0.url.expose_url()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0.line())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.line())
            }
        }
    };
}

grant! {
    /// The right to read one blob, and nothing else.
    ReadGrant, Role::Input
}

grant! {
    /// The right to create one blob that does not exist yet, and nothing else.
    WriteGrant, Role::Output
}

/// Parses both grants of a job and judges them together: the same blob or the same signature twice is refused.
///
/// # Errors
/// Either grant is refused, or the two do not go together.
pub fn parse_pair(
    input: GrantUrl,
    output: GrantUrl,
    policy: &GrantPolicy,
    now: Timestamp,
) -> Result<(ReadGrant, WriteGrant), GrantError> {
    let findings: Vec<_> =
        across(&input, &output).into_iter().filter(|finding| finding.refuses(policy)).collect();
    let read = ReadGrant::parse(input, policy, now)?;
    let write = WriteGrant::parse(output, policy, now)?;
    match findings.is_empty() {
        true => Ok((read, write)),
        false => Err(GrantError::Pair {
            input: read.blob().to_string(),
            output: write.blob().to_string(),
            findings,
        }),
    }
}
