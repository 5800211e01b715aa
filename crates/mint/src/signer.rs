//! One account, one key, and the grants that they mint.
//!
//! Never signs what module `check` did not pass, and never prints what it signed.

use valet_grant::{GrantUrl, Right};

use crate::account::Account;
use crate::check;
use crate::error::MintError;
use crate::fields::{Fields, KeyFields};
use crate::key::{self, AccountKey, DelegationKey, SIGNATURE_CHARS};
use crate::spec::{GrantSpec, Protocol};
use crate::stamp::Stamp;
use crate::url;
use crate::version::SasVersion;

/// Room for the fields of a URL beside its names and values: names of parameters, times, signature.
const URL_OVERHEAD_BYTES: usize = 256;

/// Room for one percent-encoded byte.
const ENCODED_BYTES: usize = 3;

/// An account and the key that signs for it.
#[derive(Clone, Debug)]
pub struct Signer {
    account: Account,
    pub(crate) authority: Authority,
}

/// The kind of key in use.
#[derive(Clone, Debug)]
pub(crate) enum Authority {
    Account(AccountKey),
    Delegation(DelegationKey),
}

impl Signer {
    /// Signs with one of the account's two keys: service SAS.
    #[must_use]
    pub fn with_account_key(account: Account, key: AccountKey) -> Self {
        Self { account, authority: Authority::Account(key) }
    }

    /// Signs with a user delegation key: user delegation SAS, never more than its identity may do.
    #[must_use]
    pub fn with_delegation_key(account: Account, key: DelegationKey) -> Self {
        Self { account, authority: Authority::Delegation(key) }
    }

    /// The account that this signs for.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Mints one grant: checks `spec` whole, signs it, and returns the URL.
    ///
    /// # Errors
    /// [`MintError`] when the grant could not work or must not exist; nothing is signed then.
    pub fn mint(&self, spec: &GrantSpec<'_>) -> Result<GrantUrl, MintError> {
        check::spec(spec, &self.authority)?;
        let (start, expiry) = (Stamp::start(spec.start), Stamp::expiry(spec.expiry));
        let mut letters = [0; Right::ALL.len()];
        let rights = spec.rights.letters(&mut letters);
        let ip = spec.ip.map(|ip| ip.to_string()).unwrap_or_default();
        let mut fields = self.fields(spec);
        (fields.rights, fields.ip) = (rights, &ip);
        (fields.start, fields.expiry) = (start.as_str(), expiry.as_str());
        check::times(&fields)?;

        // One allocation: the string-to-sign is written where the URL will be.
        let mut text = Vec::with_capacity(self.url_bytes(spec));
        let signature = self.sign(spec.version, &fields, &mut text);
        text.clear();
        url::write(&self.account, &spec.resource, &fields, &mut text);
        url::write_signature(&signature, &mut text);
        Ok(GrantUrl::new(String::from_utf8(text).expect("all of it was written as text")))
    }

    /// Signs `fields` with whichever key there is; `text` is scratch.
    pub(crate) fn sign(
        &self,
        version: SasVersion,
        fields: &Fields<'_>,
        text: &mut Vec<u8>,
    ) -> [u8; SIGNATURE_CHARS] {
        let state = self.write_string_to_sign(version, fields, text);
        key::sign(state, text)
    }

    /// Writes what is signed, and tells the key that signs it.
    pub(crate) fn write_string_to_sign(
        &self,
        version: SasVersion,
        fields: &Fields<'_>,
        text: &mut Vec<u8>,
    ) -> &hmac::Hmac<sha2::Sha256> {
        match &self.authority {
            Authority::Account(key) => {
                fields.write_service(version, text);
                &key.0
            }
            Authority::Delegation(key) => {
                fields.write_delegation(version, text);
                &key.state
            }
        }
    }

    fn fields<'a>(&'a self, spec: &'a GrantSpec<'a>) -> Fields<'a> {
        let response = &spec.response;
        Fields {
            account: self.account.name(),
            container: spec.resource.container(),
            blob: spec.resource.blob(),
            policy: spec.policy_id,
            protocol: spec.protocol.map_or("", Protocol::as_str),
            version: spec.version.as_str(),
            kind: spec.resource.kind(),
            snapshot: spec.resource.pin().1,
            encryption_scope: spec.encryption_scope,
            cache_control: response.cache_control,
            content_disposition: response.content_disposition,
            content_encoding: response.content_encoding,
            content_language: response.content_language,
            content_type: response.content_type,
            key: self.key_fields(spec),
            ..Fields::default()
        }
    }

    fn key_fields<'a>(&'a self, spec: &'a GrantSpec<'a>) -> KeyFields<'a> {
        let Authority::Delegation(key) = &self.authority else { return KeyFields::default() };
        let binding = &spec.binding;
        KeyFields {
            object: &key.object,
            tenant: &key.tenant,
            start: &key.start,
            expiry: &key.expiry,
            service: &key.service,
            version: &key.version,
            authorized_object: binding.authorized_object,
            unauthorized_object: binding.unauthorized_object,
            correlation: binding.correlation,
            delegated_tenant: &key.delegated_tenant,
            delegated_object: binding.delegated_object,
            request_headers: binding.request_headers,
            request_query: binding.request_query,
        }
    }

    /// An upper bound for usual grants; a longer one only costs a second allocation.
    fn url_bytes(&self, spec: &GrantSpec<'_>) -> usize {
        let response = &spec.response;
        let names = spec.resource.blob().len() + spec.resource.pin().1.len();
        let headers =
            response.content_disposition.len() + response.content_type.len() + response.cache_control.len();
        let key = if matches!(self.authority, Authority::Delegation(_)) { URL_OVERHEAD_BYTES } else { 0 };
        let fixed =
            self.account.endpoint().len() + spec.resource.container().len() + URL_OVERHEAD_BYTES + key;
        fixed + (names + headers) * ENCODED_BYTES
    }
}
