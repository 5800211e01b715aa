//! The fields of a SAS and the kinds of thing that one opens, as data. Holds no values.

/// A field of a SAS beside the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // Azure documents the fields; `name` says which one each is
pub enum Field {
    Version,
    Resource,
    Permissions,
    Start,
    Expiry,
    Protocol,
    Ip,
    Policy,
    EncryptionScope,
    Snapshot,
    VersionId,
    DirectoryDepth,
    CacheControl,
    ContentDisposition,
    ContentEncoding,
    ContentLanguage,
    ContentType,
    KeyOid,
    KeyTenant,
    KeyStart,
    KeyExpiry,
    KeyService,
    KeyVersion,
    AuthorizedOid,
    UnauthorizedOid,
    CorrelationId,
    KeyUserTenant,
    UserOid,
    RequestHeaders,
    RequestQueries,
    Services,
    ResourceTypes,
}

const FIELDS: [(Field, &str); 32] = [
    (Field::Version, "sv"),
    (Field::Resource, "sr"),
    (Field::Permissions, "sp"),
    (Field::Start, "st"),
    (Field::Expiry, "se"),
    (Field::Protocol, "spr"),
    (Field::Ip, "sip"),
    (Field::Policy, "si"),
    (Field::EncryptionScope, "ses"),
    (Field::Snapshot, "snapshot"),
    (Field::VersionId, "versionid"),
    (Field::DirectoryDepth, "sdd"),
    (Field::CacheControl, "rscc"),
    (Field::ContentDisposition, "rscd"),
    (Field::ContentEncoding, "rsce"),
    (Field::ContentLanguage, "rscl"),
    (Field::ContentType, "rsct"),
    (Field::KeyOid, "skoid"),
    (Field::KeyTenant, "sktid"),
    (Field::KeyStart, "skt"),
    (Field::KeyExpiry, "ske"),
    (Field::KeyService, "sks"),
    (Field::KeyVersion, "skv"),
    (Field::AuthorizedOid, "saoid"),
    (Field::UnauthorizedOid, "suoid"),
    (Field::CorrelationId, "scid"),
    (Field::KeyUserTenant, "skdutid"),
    (Field::UserOid, "sduoid"),
    (Field::RequestHeaders, "srh"),
    (Field::RequestQueries, "srq"),
    (Field::Services, "ss"),
    (Field::ResourceTypes, "srt"),
];

impl Field {
    /// The fields that only a user delegation SAS has, and has all of.
    pub const DELEGATION: [Self; 6] =
        [Self::KeyOid, Self::KeyTenant, Self::KeyStart, Self::KeyExpiry, Self::KeyService, Self::KeyVersion];

    /// The name of the query parameter.
    pub fn name(self) -> &'static str {
        FIELDS[self as usize].1
    }

    /// Storage does not mind the case of a parameter's name, so neither do we.
    pub(super) fn named(name: &str) -> Option<Self> {
        FIELDS.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(field, _)| *field)
    }
}

/// What kind of thing a SAS opens (`sr`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceKind {
    /// `b`: one blob.
    Blob,
    /// `bs`: one snapshot of a blob.
    Snapshot,
    /// `bv`: one version of a blob.
    Version,
    /// `c`: a blob container with all its blobs.
    Container,
    /// `d`: a directory with all below it.
    Directory,
}

impl ResourceKind {
    pub(super) const ALL: [Self; 5] =
        [Self::Blob, Self::Snapshot, Self::Version, Self::Container, Self::Directory];

    /// The value of `sr`.
    pub fn code(self) -> &'static str {
        ["b", "bs", "bv", "c", "d"][self as usize]
    }

    /// Whether it is one blob in some state.
    pub fn is_one_blob(self) -> bool {
        matches!(self, Self::Blob | Self::Snapshot | Self::Version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_fields_is_in_the_order_of_the_enum() {
        assert!(FIELDS.iter().enumerate().all(|(at, (field, _))| *field as usize == at));
    }
}
