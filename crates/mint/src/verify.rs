//! Was this grant signed with our own key?
//!
//! Used before anything old is trusted again (a dead letter that asks for new grants). Never says what
//! the right signature would have been.

use percent_encoding::percent_decode_str;
use thiserror::Error;
use valet_grant::token::{Field, ResourceKind};
use valet_grant::{GrantKind, GrantUrl, SasToken};

use crate::fields::{Fields, KeyFields};
use crate::signer::{Authority, Signer};
use crate::version::{SasVersion, UnknownVersion};

/// A grant that this signer did not mint, or cannot tell of.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// It is not a SAS URL of a blob or blob container.
    #[error("the URL is not a SAS of a blob or blob container")]
    NotSas,
    /// It is for another account, or for ours at another address.
    #[error("the grant is not for a blob at our account's address")]
    OtherAccount,
    /// Its version has no known layout.
    #[error("the grant cannot be checked")]
    Version(#[source] UnknownVersion),
    /// It was signed with another kind of key than this signer holds.
    #[error("the grant was signed with another kind of key")]
    OtherKind,
    /// Its signature is not ours: another key signed it, or it was changed since.
    #[error("the grant was not signed with this key, or was changed since")]
    NotOurs,
}

impl Signer {
    /// Tells whether `grant` was signed with this signer's key and is unchanged. Expiry does not matter.
    ///
    /// Grants with bound headers or query parameters (`srh`, `srq`) cannot be checked, since their values
    /// are not in the URL; they count as [`VerifyError::NotOurs`].
    ///
    /// # Errors
    /// [`VerifyError`] saying why it does not count as ours.
    pub fn verify(&self, grant: &GrantUrl) -> Result<(), VerifyError> {
        let token = SasToken::parse(grant).map_err(|_| VerifyError::NotSas)?;
        if !token.is_signed() {
            return Err(VerifyError::NotSas);
        }
        let place = self.place(grant)?;
        if self.kind() != token.kind() {
            return Err(VerifyError::OtherKind);
        }
        let version = SasVersion::parse(field(&token, Field::Version)).map_err(VerifyError::Version)?;
        let mut text = Vec::new();
        let signature = self.sign(version, &fields(&token, self.account().name(), &place), &mut text);
        let signature = std::str::from_utf8(&signature).map_err(|_| VerifyError::NotOurs)?;
        if token.signature_is(signature) { Ok(()) } else { Err(VerifyError::NotOurs) }
    }

    fn kind(&self) -> GrantKind {
        match self.authority {
            Authority::Account(_) => GrantKind::Service,
            Authority::Delegation(_) => GrantKind::UserDelegation,
        }
    }

    /// Blob container and blob of a URL below our own address, decoded.
    fn place(&self, grant: &GrantUrl) -> Result<Place, VerifyError> {
        let below = grant
            .expose_url()
            .strip_prefix(self.account().endpoint())
            .and_then(|rest| rest.strip_prefix('/'));
        let path = below.ok_or(VerifyError::OtherAccount)?.split('?').next().unwrap_or_default();
        let (container, blob) = path.split_once('/').unwrap_or((path, ""));
        let decode = |part| percent_decode_str(part).decode_utf8().map_err(|_| VerifyError::NotSas);
        Ok(Place { container: decode(container)?.into_owned(), blob: decode(blob)?.into_owned() })
    }
}

/// Where a grant points, within our account.
struct Place {
    container: String,
    blob: String,
}

fn field(token: &SasToken, field: Field) -> &str {
    token.field(field).unwrap_or_default()
}

fn fields<'a>(token: &'a SasToken, account: &'a str, place: &'a Place) -> Fields<'a> {
    let get = |name| field(token, name);
    let kind = token.resource();
    let snapshot = match kind {
        Some(ResourceKind::Snapshot) => get(Field::Snapshot),
        Some(ResourceKind::Version) => get(Field::VersionId),
        _ => "",
    };
    // A blob container's SAS opens every blob in it, and signs the container alone.
    let blob = if kind == Some(ResourceKind::Container) { "" } else { &place.blob };
    Fields {
        rights: get(Field::Permissions),
        start: get(Field::Start),
        expiry: get(Field::Expiry),
        account,
        container: &place.container,
        blob,
        policy: get(Field::Policy),
        ip: get(Field::Ip),
        protocol: get(Field::Protocol),
        version: get(Field::Version),
        kind: get(Field::Resource),
        snapshot,
        encryption_scope: get(Field::EncryptionScope),
        cache_control: get(Field::CacheControl),
        content_disposition: get(Field::ContentDisposition),
        content_encoding: get(Field::ContentEncoding),
        content_language: get(Field::ContentLanguage),
        content_type: get(Field::ContentType),
        key: key_fields(token),
    }
}

fn key_fields(token: &SasToken) -> KeyFields<'_> {
    let get = |name| field(token, name);
    KeyFields {
        object: get(Field::KeyOid),
        tenant: get(Field::KeyTenant),
        start: get(Field::KeyStart),
        expiry: get(Field::KeyExpiry),
        service: get(Field::KeyService),
        version: get(Field::KeyVersion),
        authorized_object: get(Field::AuthorizedOid),
        unauthorized_object: get(Field::UnauthorizedOid),
        correlation: get(Field::CorrelationId),
        delegated_tenant: get(Field::KeyUserTenant),
        delegated_object: get(Field::UserOid),
        request_headers: &[],
        request_query: &[],
    }
}
