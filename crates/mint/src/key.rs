//! The two keys that can sign: an account key, and a user delegation key.
//!
//! A key is kept as a prepared HMAC state, never as text; no type here prints key material, and all of
//! them wipe it when dropped.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

/// Length of a signature in base64, in bytes.
pub(crate) const SIGNATURE_CHARS: usize = 44;

/// A key that cannot sign.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// The key is not base64. Its text is not repeated.
    #[error("the key is not base64 ({chars} characters): copy it whole, as the portal shows it")]
    NotBase64 {
        /// How long the text was, in characters.
        chars: usize,
    },
    /// The key is empty, or too short to be a key of Azure.
    #[error("the key decodes to {bytes} bytes; a key of Azure has 64, a user delegation key 32")]
    TooShort {
        /// How long the decoded key was, in bytes.
        bytes: usize,
    },
}

/// Least length of a decoded key, in bytes: shorter ones are typing mistakes, not keys.
const KEY_BYTES_MIN: usize = 16;

/// One of a storage account's two keys. It opens everything in the account.
#[derive(Clone)]
pub struct AccountKey(pub(crate) Hmac<Sha256>);

impl AccountKey {
    /// Reads a key as the portal and the CLI show it: base64 of 64 bytes. White space around it is ignored.
    ///
    /// # Errors
    /// [`KeyError`], which never repeats the key.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        prepare(text).map(Self)
    }
}

impl std::fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccountKey(…)")
    }
}

/// A user delegation key: what Entra ID lets an identity sign with for at most seven days.
///
/// Source: Get User Delegation Key (REST). All text fields are echoed into every SAS exactly as the
/// service returned them.
#[derive(Clone)]
pub struct DelegationKey {
    pub(crate) state: Hmac<Sha256>,
    pub(crate) object: String,
    pub(crate) tenant: String,
    pub(crate) start: String,
    pub(crate) expiry: String,
    pub(crate) service: String,
    pub(crate) version: String,
    pub(crate) delegated_tenant: String,
}

impl DelegationKey {
    /// A key from the fields of the service's answer: `SignedOid`, `SignedTid`, `SignedStart`,
    /// `SignedExpiry`, `SignedVersion`, `Value` (base64).
    ///
    /// # Errors
    /// [`KeyError`] when `value` cannot be a key; it is never repeated.
    pub fn new(
        object: &str,
        tenant: &str,
        start: &str,
        expiry: &str,
        version: &str,
        value: &str,
    ) -> Result<Self, KeyError> {
        Ok(Self {
            state: prepare(value)?,
            object: object.to_owned(),
            tenant: tenant.to_owned(),
            start: start.to_owned(),
            expiry: expiry.to_owned(),
            service: "b".to_owned(),
            version: version.to_owned(),
            delegated_tenant: String::new(),
        })
    }

    /// The tenant of the user that SAS of this key may be bound to (`SignedDelegatedUserTid`,
    /// from 2025-07-05).
    #[must_use]
    pub fn with_delegated_tenant(mut self, tenant: &str) -> Self {
        tenant.clone_into(&mut self.delegated_tenant);
        self
    }
}

impl std::fmt::Debug for DelegationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DelegationKey({}, until {})", self.object, self.expiry)
    }
}

fn prepare(text: &str) -> Result<Hmac<Sha256>, KeyError> {
    let text = text.trim();
    let not_base64 = |_| KeyError::NotBase64 { chars: text.chars().count() };
    let bytes = Zeroizing::new(STANDARD.decode(text).map_err(not_base64)?);
    if bytes.len() < KEY_BYTES_MIN {
        return Err(KeyError::TooShort { bytes: bytes.len() });
    }
    Ok(Hmac::new_from_slice(&bytes).expect("HMAC takes keys of any length"))
}

/// The signature of `text`, base64.
pub(crate) fn sign(state: &Hmac<Sha256>, text: &[u8]) -> [u8; SIGNATURE_CHARS] {
    let mut mac = state.clone();
    mac.update(text);
    let mut out = [0; SIGNATURE_CHARS];
    STANDARD
        .encode_slice(mac.finalize().into_bytes(), &mut out)
        .expect("32 bytes are 44 characters of base64");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

    #[test]
    fn a_key_does_not_print() {
        let key = AccountKey::from_base64(TEXT).unwrap();
        assert_eq!(format!("{key:?}"), "AccountKey(…)");
        let key = DelegationKey::new("o", "t", "s", "e", "v", TEXT).unwrap();
        assert_eq!(format!("{key:?}"), "DelegationKey(o, until e)");
    }

    #[test]
    fn a_wrong_key_is_refused_without_repeating_it() {
        for text in ["not base64!", "", "c2hvcnQ=", &TEXT[..20]] {
            let error = AccountKey::from_base64(text).unwrap_err();
            assert!(text.is_empty() || !format!("{error} {error:?}").contains(text), "{text}");
        }
    }
}
