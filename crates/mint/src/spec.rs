//! What a grant is to open, for whom and until when: the input of [`Signer::mint`](crate::Signer::mint).
//!
//! Nothing here is checked yet; the signer checks it whole before it signs.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use valet_grant::{Right, Rights};

use crate::version::SasVersion;

/// How long before now a grant starts to hold, so that clocks may differ. Source: Microsoft's SAS best
/// practices ask for 15 minutes.
pub const SKEW: SignedDuration = SignedDuration::from_mins(15);

/// What a SAS opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// One blob (`sr=b`).
    Blob {
        /// The blob container's name.
        container: &'a str,
        /// The blob's name, not encoded.
        blob: &'a str,
    },
    /// One snapshot of a blob (`sr=bs`): its bytes cannot change.
    Snapshot {
        /// The blob container's name.
        container: &'a str,
        /// The blob's name, not encoded.
        blob: &'a str,
        /// The snapshot's time, as the service gave it.
        snapshot: &'a str,
    },
    /// One version of a blob (`sr=bv`): its bytes cannot change.
    Version {
        /// The blob container's name.
        container: &'a str,
        /// The blob's name, not encoded.
        blob: &'a str,
        /// The version's id, as the service gave it.
        version: &'a str,
    },
    /// A whole blob container (`sr=c`): for tools such as a listing, never for a job.
    Container {
        /// The blob container's name.
        container: &'a str,
    },
}

/// Which protocols a SAS may be used over (`spr`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// TLS only; the default.
    #[default]
    Https,
    /// Also plain HTTP: for an emulator on loopback.
    HttpsAndHttp,
}

/// The addresses that may use a SAS (`sip`): one, or a range with both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRange {
    /// First address.
    pub first: IpAddr,
    /// Last address, when it is a range.
    pub last: Option<IpAddr>,
}

/// Headers that the service answers a read with instead of the blob's own (`rscc` to `rsct`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseHeaders<'a> {
    /// `Cache-Control` (`rscc`).
    pub cache_control: &'a str,
    /// `Content-Disposition` (`rscd`).
    pub content_disposition: &'a str,
    /// `Content-Encoding` (`rsce`).
    pub content_encoding: &'a str,
    /// `Content-Language` (`rscl`).
    pub content_language: &'a str,
    /// `Content-Type` (`rsct`).
    pub content_type: &'a str,
}

/// What only a user delegation SAS can carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Binding<'a> {
    /// Object id of an authorized agent (`saoid`; hierarchical namespace only).
    pub authorized_object: &'a str,
    /// Object id of an unauthorized agent (`suoid`; hierarchical namespace only).
    pub unauthorized_object: &'a str,
    /// Correlation id that lands in the storage logs (`scid`): the job's id.
    pub correlation: &'a str,
    /// Object id of the user that must present its own token too (`sduoid`).
    pub delegated_object: &'a str,
    /// Request headers that are bound to these values (`srh`), in signing order.
    pub request_headers: &'a [(&'a str, &'a str)],
    /// Query parameters that are bound to these values (`srq`), in signing order.
    pub request_query: &'a [(&'a str, &'a str)],
}

/// A grant before it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantSpec<'a> {
    /// What it opens.
    pub resource: Resource<'a>,
    /// What may be done; may be empty only with a stored access policy.
    pub rights: Rights,
    /// From when it holds (whole seconds, rounded up); none is at once.
    pub start: Option<Timestamp>,
    /// Until when it holds (whole seconds, rounded down); may be none only with a stored access policy.
    pub expiry: Option<Timestamp>,
    /// Which protocols it may be used over; none leaves the field out, which means both.
    pub protocol: Option<Protocol>,
    /// Version of the format.
    pub version: SasVersion,
    /// Which addresses may use it.
    pub ip: Option<IpRange>,
    /// Encryption scope that writes use (`ses`), from 2020-12-06.
    pub encryption_scope: &'a str,
    /// Stored access policy of the blob container (`si`), at most 64 characters.
    pub policy_id: &'a str,
    /// Headers that reads are answered with.
    pub response: ResponseHeaders<'a>,
    /// What only a user delegation SAS can carry.
    pub binding: Binding<'a>,
}

impl<'a> GrantSpec<'a> {
    /// A grant of `rights` on `resource` from 15 minutes before `now` until `expiry`, over TLS only.
    #[must_use]
    pub fn new(resource: Resource<'a>, rights: Rights, now: Timestamp, expiry: Timestamp) -> Self {
        Self {
            resource,
            rights,
            start: Some(now.saturating_sub(SKEW).unwrap_or(now)),
            expiry: Some(expiry),
            protocol: Some(Protocol::Https),
            version: SasVersion::DEFAULT,
            ip: None,
            encryption_scope: "",
            policy_id: "",
            response: ResponseHeaders::default(),
            binding: Binding::default(),
        }
    }

    /// A job's input grant: read one blob.
    #[must_use]
    pub fn read(container: &'a str, blob: &'a str, now: Timestamp, expiry: Timestamp) -> Self {
        Self::new(Resource::Blob { container, blob }, Rights::default().with(Right::Read), now, expiry)
    }

    /// A job's output grant: create one blob with one Put Blob, and never overwrite, read or delete it.
    #[must_use]
    pub fn create(container: &'a str, blob: &'a str, now: Timestamp, expiry: Timestamp) -> Self {
        Self::new(Resource::Blob { container, blob }, Rights::default().with(Right::Create), now, expiry)
    }

    /// The same grant, usable over plain HTTP too: for an emulator on loopback.
    #[must_use]
    pub fn over_http_too(mut self) -> Self {
        self.protocol = Some(Protocol::HttpsAndHttp);
        self
    }
}

impl Resource<'_> {
    /// The blob container's name.
    #[must_use]
    pub fn container(&self) -> &str {
        match self {
            Self::Blob { container, .. }
            | Self::Snapshot { container, .. }
            | Self::Version { container, .. }
            | Self::Container { container } => container,
        }
    }

    /// The blob's name; empty for a blob container.
    #[must_use]
    pub fn blob(&self) -> &str {
        match self {
            Self::Blob { blob, .. } | Self::Snapshot { blob, .. } | Self::Version { blob, .. } => blob,
            Self::Container { .. } => "",
        }
    }

    /// The `sr` field.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Blob { .. } => "b",
            Self::Snapshot { .. } => "bs",
            Self::Version { .. } => "bv",
            Self::Container { .. } => "c",
        }
    }

    /// The query parameter that pins the resource, with its `&` and `=`, and its value; it is signed in the
    /// snapshot's line.
    pub(crate) fn pin(&self) -> (&'static str, &str) {
        match self {
            Self::Snapshot { snapshot, .. } => ("&snapshot=", snapshot),
            Self::Version { version, .. } => ("&versionid=", version),
            Self::Blob { .. } | Self::Container { .. } => ("", ""),
        }
    }
}

impl Protocol {
    /// The `spr` field.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::HttpsAndHttp => "https,http",
        }
    }
}

impl std::fmt::Display for IpRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.last {
            Some(last) => write!(f, "{}-{last}", self.first),
            None => write!(f, "{}", self.first),
        }
    }
}
