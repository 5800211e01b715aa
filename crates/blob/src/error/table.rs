//! What storage's answers mean: (status, code) as data, with Azurite's aliases.
//!
//! Sources: Microsoft's list of blob error codes, and what Azurite 3.37.0 was measured to answer.

/// What an answer means before the clock, the grant's rights and the operation are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The signature, or the time, is not accepted; our clock tells which.
    Denied,
    /// The right is missing; on Azurite also: the right is create and the blob exists.
    NoRight,
    /// Create-only, and the blob exists.
    Exists,
    Address,
    Protocol,
    NoBlob,
    NoContainer,
    Archived,
    /// A condition (If-Match, If-None-Match) does not hold.
    Condition,
    TooLarge,
    Md5,
    Throttled,
    Unavailable,
    Unknown,
}

/// One known answer. An empty code stands for an answer without one.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) meaning: Meaning,
    /// What this very code is known to mean beyond its kind.
    pub(super) hint: Option<&'static str>,
}

const fn row(status: u16, code: &'static str, meaning: Meaning) -> Row {
    Row { status, code, meaning, hint: None }
}

const fn hinted(status: u16, code: &'static str, meaning: Meaning, hint: &'static str) -> Row {
    Row { status, code, meaning, hint: Some(hint) }
}

/// All answers that are told apart.
pub(super) const ROWS: &[Row] = &[
    row(400, "Md5Mismatch", Meaning::Md5),
    row(400, "InvalidMd5", Meaning::Md5),
    row(401, "", Meaning::Denied),
    row(401, "NoAuthenticationInformation", Meaning::Denied),
    row(401, "InvalidAuthenticationInfo", Meaning::Denied),
    row(403, "", Meaning::Denied),
    row(403, "AuthenticationFailed", Meaning::Denied),
    // Azurite's alias of AuthenticationFailed; on Azure a word of its own.
    hinted(
        403,
        "AuthorizationFailure",
        Meaning::Denied,
        "on Azure this code mostly means that the storage firewall refuses this worker's network",
    ),
    hinted(
        403,
        "KeyBasedAuthenticationNotPermitted",
        Meaning::Denied,
        "the account forbids account keys: mint with a user delegation key",
    ),
    hinted(403, "AccountIsDisabled", Meaning::Unknown, "the storage account is disabled"),
    row(403, "AuthorizationPermissionMismatch", Meaning::NoRight),
    row(403, "AuthorizationResourceTypeMismatch", Meaning::NoRight),
    row(403, "AuthorizationServiceMismatch", Meaning::NoRight),
    row(403, "InsufficientAccountPermissions", Meaning::NoRight),
    row(403, "UnauthorizedBlobOverwrite", Meaning::Exists),
    row(403, "AuthorizationSourceIPMismatch", Meaning::Address),
    row(403, "AuthorizationProtocolMismatch", Meaning::Protocol),
    row(404, "", Meaning::NoBlob),
    row(404, "BlobNotFound", Meaning::NoBlob),
    row(404, "ContainerNotFound", Meaning::NoContainer),
    hinted(404, "ResourceNotFound", Meaning::NoContainer, "the account itself may not exist"),
    row(408, "", Meaning::Unavailable),
    row(409, "BlobAlreadyExists", Meaning::Exists),
    row(409, "BlobImmutableDueToPolicy", Meaning::Exists),
    row(409, "InvalidBlobType", Meaning::Exists),
    row(409, "BlobArchived", Meaning::Archived),
    row(409, "BlobBeingRehydrated", Meaning::Archived),
    row(409, "ContainerBeingDeleted", Meaning::NoContainer),
    row(409, "ContainerDisabled", Meaning::NoContainer),
    row(409, "PublicAccessNotPermitted", Meaning::Denied),
    row(409, "AccountBeingCreated", Meaning::Unavailable),
    row(412, "", Meaning::Condition),
    row(412, "ConditionNotMet", Meaning::Condition),
    hinted(412, "LeaseIdMissing", Meaning::Exists, "someone holds a lease on that blob"),
    row(413, "", Meaning::TooLarge),
    row(413, "RequestBodyTooLarge", Meaning::TooLarge),
    row(429, "", Meaning::Throttled),
    row(429, "TooManyRequests", Meaning::Throttled),
    row(500, "", Meaning::Unavailable),
    row(500, "InternalError", Meaning::Unavailable),
    row(500, "OperationTimedOut", Meaning::Unavailable),
    // Azurite's word for a query parameter that it cannot honour; waiting does not help.
    hinted(500, "FeatureNotSupported", Meaning::Unknown, "the emulator lacks a feature that the grant uses"),
    row(502, "", Meaning::Unavailable),
    row(503, "", Meaning::Unavailable),
    row(503, "ServerBusy", Meaning::Throttled),
    row(504, "", Meaning::Unavailable),
];

/// The row for an answer: its very code; else its status alone where that says enough; else nothing.
pub(super) fn row_for(status: u16, code: &str) -> Option<&'static Row> {
    let exact = ROWS.iter().find(|row| row.status == status && row.code == code);
    exact.or_else(|| {
        // An unknown 403 or 412 code is not explained away as the common one; a busy server always is.
        let general = matches!(status, 408 | 429 | 500 | 502 | 503 | 504);
        ROWS.iter().find(|row| general && row.status == status && row.code.is_empty())
    })
}
