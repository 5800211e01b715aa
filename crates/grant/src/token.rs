//! A SAS taken apart: every known field, decoded once. Must never print a value; the signature does not leave this
//! type at all, it can only be compared.

mod field;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use url::Url;
use zeroize::Zeroizing;

use crate::GrantUrl;
use crate::address::parse_http;
use crate::grant::{GrantKind, Pin};
use crate::right::{Rights, Spelled};
use crate::time::{Validity, parse_sas_time};
use crate::version;

pub use field::{Field, ResourceKind};

/// A URL that is no http(s) URL of at most [`URL_BYTES_MAX`](crate::limits::URL_BYTES_MAX) bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an http(s) URL of at most {max} bytes ({bytes} bytes)", max = crate::limits::URL_BYTES_MAX)]
pub struct NotAUrl {
    /// Length of the text.
    pub bytes: usize,
}

/// The fields of a SAS, decoded. Where a name comes twice, the first value is here, and rule SAS019 refuses the
/// grant.
pub struct SasToken {
    fields: BTreeMap<Field, Zeroizing<String>>,
    signature: Option<Zeroizing<String>>,
    pub(crate) repeated_known: bool,
    pub(crate) repeated_other: bool,
    pub(crate) others: usize,
    pub(crate) operation: bool,
}

impl SasToken {
    /// Takes the query of a URL apart.
    ///
    /// # Errors
    /// The text is no http(s) URL, or too long.
    pub fn parse(url: &GrantUrl) -> Result<Self, NotAUrl> {
        let raw = url.expose_url();
        parse_http(raw).map(|url| Self::of(&url)).ok_or(NotAUrl { bytes: raw.len() })
    }

    pub(crate) fn of(url: &Url) -> Self {
        let mut token = Self {
            fields: BTreeMap::new(),
            signature: None,
            repeated_known: false,
            repeated_other: false,
            others: 0,
            operation: false,
        };
        let mut others = Vec::new();
        for (name, value) in url.query_pairs() {
            let value = Zeroizing::new(value.into_owned());
            match Field::named(&name) {
                Some(field) => token.repeated_known |= !token.add(field, value),
                None if name.eq_ignore_ascii_case("sig") => token.repeated_known |= !token.sign(value),
                None => others.push(name.to_ascii_lowercase()),
            }
        }
        token.count(others);
        token
    }

    /// Keeps the first value of a field; `false` if there was one.
    fn add(&mut self, field: Field, value: Zeroizing<String>) -> bool {
        let fresh = !self.fields.contains_key(&field);
        self.fields.entry(field).or_insert(value);
        fresh
    }

    fn sign(&mut self, value: Zeroizing<String>) -> bool {
        let fresh = self.signature.is_none();
        self.signature.get_or_insert(value);
        fresh
    }

    fn count(&mut self, mut names: Vec<String>) {
        self.others = names.len();
        // Storage reads these as "another operation", whatever the token says.
        self.operation = names.iter().any(|name| matches!(name.as_str(), "comp" | "restype"));
        names.sort_unstable();
        names.dedup();
        self.repeated_other = names.len() < self.others;
    }

    /// The decoded text of a field; an empty one counts as absent. Written by whoever made the URL: compare it,
    /// do not print it.
    pub fn field(&self, field: Field) -> Option<&str> {
        self.fields.get(&field).map(|value| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Whether the URL is signed at all.
    pub fn is_signed(&self) -> bool {
        self.signature.as_ref().is_some_and(|signature| !signature.is_empty())
    }

    /// Whether the signature is this text (base64, decoded from the URL), compared in constant time.
    pub fn signature_is(&self, expected: &str) -> bool {
        self.signature.as_ref().is_some_and(|signature| same(signature.as_bytes(), expected.as_bytes()))
    }

    /// Whether two tokens carry the same signature.
    pub fn same_signature(&self, other: &Self) -> bool {
        self.is_signed() && other.signature.as_ref().is_some_and(|signature| self.signature_is(signature))
    }

    /// Whether the signature can be an HMAC-SHA256 in base64: 43 letters and one `=`.
    pub(crate) fn signature_is_shaped(&self) -> bool {
        let Some(letters) = self.signature.as_ref().and_then(|signature| signature.strip_suffix('=')) else {
            return false;
        };
        letters.len() == 43 && letters.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
    }

    /// Whether an unescaped `+` turned into a blank in the signature.
    pub(crate) fn signature_has_blank(&self) -> bool {
        self.signature.as_ref().is_some_and(|signature| signature.contains(' '))
    }

    /// Whether this is an account SAS.
    pub fn is_account(&self) -> bool {
        self.field(Field::Services).is_some() || self.field(Field::ResourceTypes).is_some()
    }

    /// What signed it, by what it claims.
    pub fn kind(&self) -> GrantKind {
        match Field::DELEGATION.into_iter().any(|field| self.field(field).is_some()) {
            true => GrantKind::UserDelegation,
            false => GrantKind::Service,
        }
    }

    pub(crate) fn spelled_rights(&self) -> Spelled {
        Spelled::read(self.field(Field::Permissions).unwrap_or_default())
    }

    /// The rights, as far as their letters are known.
    pub fn rights(&self) -> Rights {
        self.spelled_rights().rights
    }

    /// `sr`, if it is a known one.
    pub fn resource(&self) -> Option<ResourceKind> {
        let code = self.field(Field::Resource)?;
        ResourceKind::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// `sv`, if it is a date by its shape.
    pub fn version(&self) -> Option<&str> {
        self.field(Field::Version).filter(|text| version::is_shaped(text))
    }

    /// `st`, if it reads as a time.
    pub fn start(&self) -> Option<Timestamp> {
        self.time(Field::Start)
    }

    /// `se`, if it reads as a time.
    pub fn expiry(&self) -> Option<Timestamp> {
        self.time(Field::Expiry)
    }

    pub(crate) fn time(&self, field: Field) -> Option<Timestamp> {
        parse_sas_time(self.field(field)?)
    }

    /// When the token works: its own times, narrowed to those of the user delegation key.
    pub fn validity(&self) -> Option<Validity> {
        let start = self.start().max(self.time(Field::KeyStart));
        let expiry = self.expiry()?;
        Some(Validity { start, expiry: self.time(Field::KeyExpiry).map_or(expiry, |key| key.min(expiry)) })
    }

    /// The frozen state of the blob that the token opens, where it opens one and names it properly.
    pub fn pin(&self) -> Option<Pin> {
        let text = |field| self.field(field).filter(|text| parse_sas_time(text).is_some()).map(str::to_owned);
        match self.resource()? {
            ResourceKind::Snapshot => text(Field::Snapshot).map(Pin::Snapshot),
            ResourceKind::Version => text(Field::VersionId).map(Pin::Version),
            _ => None,
        }
    }
}

/// Names of the fields that are there; no value.
impl fmt::Debug for SasToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.fields.keys().map(|field| field.name()).collect();
        write!(f, "SasToken({}, {})", names.join(" "), if self.is_signed() { "signed" } else { "unsigned" })
    }
}

/// Compares without an early way out, so that the time taken tells nothing but the length.
fn same(left: &[u8], right: &[u8]) -> bool {
    let difference = left.iter().zip(right).fold(0, |sum, (l, r)| sum | (l ^ r));
    left.len() == right.len() && std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(query: &str) -> SasToken {
        SasToken::parse(&GrantUrl::new(format!("https://acct.blob.core.windows.net/in/a?{query}"))).unwrap()
    }

    #[test]
    fn fields_are_decoded_and_the_signature_only_compares() {
        let token = token("SP=r&se=2026-01-15T11%3A30%3A00Z&sig=a%2Bb%3D&sp=rw&foo=1&comp=list&foo=2");
        assert_eq!(token.field(Field::Permissions), Some("r"));
        assert!(token.repeated_known && token.repeated_other && token.operation);
        assert!(token.signature_is("a+b=") && !token.signature_is("a+b"));
        assert_eq!(format!("{token:?}"), "SasToken(sp se, signed)");
    }

    #[test]
    fn a_delegation_key_narrows_the_validity() {
        let token = token("st=2026-01-01&se=2026-01-09&skt=2026-01-02&ske=2026-01-08");
        let validity = token.validity().unwrap();
        assert_eq!(validity.start, parse_sas_time("2026-01-02"));
        assert_eq!(Some(validity.expiry), parse_sas_time("2026-01-08"));
        assert_eq!(token.kind(), GrantKind::UserDelegation);
    }

    #[test]
    fn a_pin_needs_its_resource_and_a_time() {
        assert!(token("sr=bs&snapshot=2026-01-01T00%3A00%3A00.0000000Z").pin().is_some());
        assert_eq!(token("sr=b&snapshot=2026-01-01T00%3A00%3A00.0000000Z").pin(), None);
        assert_eq!(token("sr=bv&versionid=x").pin(), None);
    }
}
