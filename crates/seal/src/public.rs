//! The fleet's public keys: what a producer or a partner seals to. They are no secret.
//! Must never take a private key in, so that none is handed out by mistake.

use std::path::Path;

use p256::PublicKey;
use valet_grant::GrantUrl;
use valet_protocol::{Binding, SealedGrants};

use crate::jwk::{self, Jwk, JwkSet};
use crate::{KeyError, KeyFileError, SealError, content, jwe};

/// One key to seal to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetPublicKey {
    kid: String,
    point: PublicKey,
}

impl FleetPublicKey {
    pub(crate) fn new(kid: String, point: PublicKey) -> Self {
        Self { kid, point }
    }

    /// Its name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its thumbprint (RFC 7638): the name that it gets when nobody names it.
    pub fn thumbprint(&self) -> String {
        jwk::thumbprint(&self.point)
    }

    /// Encrypts two grants so that they open in one message only.
    ///
    /// # Errors
    /// When there is no randomness, or the URLs are too long.
    pub fn seal(
        &self,
        binding: &Binding,
        input: &GrantUrl,
        output: &GrantUrl,
    ) -> Result<SealedGrants, SealError> {
        let text = jwe::encrypt(&self.kid, &self.point, binding, &content::write(input, output))?;
        text.parse().map_err(|_| SealError::TooLong)
    }
}

/// The fleet's list. The first key is the one to seal to; the others are still opened, or will be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FleetPublicKeys(Vec<FleetPublicKey>);

impl FleetPublicKeys {
    /// Reads a JWK Set, or a single JWK.
    ///
    /// # Errors
    /// When a key in it is no public key of the fleet's kind, or there is none.
    pub fn parse(json: &[u8]) -> Result<Self, KeyError> {
        let mut list = Self::default();
        for jwk in jwk::parse(json)? {
            let (kid, point) = jwk.public()?;
            if jwk.d.is_some() {
                return Err(KeyError::Private { kid });
            }
            list.add(FleetPublicKey { kid, point })?;
        }
        if list.0.is_empty() { Err(KeyError::Empty) } else { Ok(list) }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is no list of public keys.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let json = crate::private::read_file(path, false)?;
        Self::parse(&json).map_err(|cause| KeyFileError::Key { path: path.to_owned(), cause })
    }

    /// The list as a JWK Set, ready for a file.
    pub fn to_json(&self) -> String {
        let keys = self.0.iter().map(|key| Jwk::of(&key.kid, &key.point)).collect();
        let json = serde_json::to_string_pretty(&JwkSet { keys }).expect("texts are always JSON");
        format!("{json}\n")
    }

    /// The key to seal to.
    pub fn first(&self) -> Option<&FleetPublicKey> {
        self.0.first()
    }

    /// All keys, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &FleetPublicKey> {
        self.0.iter()
    }

    /// Adds a key behind the others.
    ///
    /// # Errors
    /// When there is one of its name.
    pub fn add(&mut self, key: FleetPublicKey) -> Result<(), KeyError> {
        if self.0.iter().any(|known| known.kid == key.kid) {
            return Err(KeyError::Doubled { kid: key.kid });
        }
        self.0.push(key);
        Ok(())
    }

    /// Takes a key off the list; false when it is not on it.
    pub fn remove(&mut self, kid: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|key| key.kid != kid);
        self.0.len() < before
    }
}
