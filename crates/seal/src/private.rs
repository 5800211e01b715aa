//! The fleet's private keys: what workers open grants with. They come from files that only their user may read.
//! Must never print a key, nor take one from the environment.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use p256::SecretKey;
use p256::elliptic_curve::Generate as _;
use valet_grant::GrantUrl;
use valet_protocol::sealed::is_key_id;
use valet_protocol::{Binding, SealedGrants};
use zeroize::Zeroizing;

use crate::jwk::{self, Jwk, JwkSet};
use crate::{FleetPublicKey, KeyError, KeyFileError, OpenError, SealError, content, jwe};

/// Room for some hundred keys.
const FILE_BYTES_MAX: u64 = 65_536;
/// Others' rights, and the group's right to write.
const MODE_FORBIDDEN: u32 = 0o027;

/// One key to open with. Wiped when it is dropped.
#[derive(Clone)]
pub struct FleetPrivateKey {
    kid: String,
    secret: SecretKey,
}

impl fmt::Debug for FleetPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FleetPrivateKey({})", self.kid)
    }
}

impl FleetPrivateKey {
    /// A new key, named `kid` or else by its thumbprint.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(kid: Option<&str>) -> Result<Self, SealError> {
        let secret = SecretKey::try_generate().map_err(|_| SealError::NoRandomness)?;
        let kid = kid.map_or_else(|| jwk::thumbprint(&secret.public_key()), str::to_owned);
        Ok(Self { kid, secret })
    }

    /// Whether a key may have this name.
    pub fn may_be_named(kid: &str) -> bool {
        is_key_id(kid)
    }

    /// Its name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What is handed out.
    pub fn public(&self) -> FleetPublicKey {
        FleetPublicKey::new(self.kid.clone(), self.secret.public_key())
    }

    fn of(jwk: &Jwk) -> Result<Self, KeyError> {
        let (kid, point) = jwk.public()?;
        let Some(d) = &jwk.d else { return Err(KeyError::Public { kid }) };
        let secret = jwk::scalar(d).and_then(|bytes| SecretKey::from_slice(&bytes).ok());
        match secret.filter(|secret| secret.public_key() == point) {
            Some(secret) => Ok(Self { kid, secret }),
            None => Err(KeyError::NoPoint { kid }),
        }
    }

    fn to_jwk(&self) -> Jwk {
        let bytes = Zeroizing::new(self.secret.to_bytes());
        let d = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(bytes.as_slice()));
        Jwk { d: Some(d), ..Jwk::of(&self.kid, &self.secret.public_key()) }
    }
}

/// The keys that are live: mostly one, two while they are changed.
#[derive(Debug, Clone, Default)]
pub struct FleetPrivateKeys(Vec<FleetPrivateKey>);

impl FleetPrivateKeys {
    /// Reads one private JWK, or a JWK Set of them.
    ///
    /// # Errors
    /// When a key in it is no private key of the fleet's kind, or there is none.
    pub fn parse(json: &[u8]) -> Result<Self, KeyError> {
        let mut keys = Self::default();
        for jwk in jwk::parse(json)? {
            keys.add(FleetPrivateKey::of(&jwk)?)?;
        }
        if keys.0.is_empty() { Err(KeyError::Empty) } else { Ok(keys) }
    }

    /// Reads files of keys that nobody but their owner (or a group) may read.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read<P: AsRef<Path>>(paths: &[P]) -> Result<Self, KeyFileError> {
        let mut all = Self::default();
        for path in paths.iter().map(AsRef::as_ref) {
            let json = read_file(path, true)?;
            let keys =
                Self::parse(&json).and_then(|keys| keys.0.into_iter().try_for_each(|key| all.add(key)));
            keys.map_err(|cause| KeyFileError::Key { path: path.to_owned(), cause })?;
        }
        Ok(all)
    }

    /// The keys as a JWK Set, ready for a file of mode 0600.
    pub fn to_json(&self) -> Zeroizing<String> {
        let keys = self.0.iter().map(FleetPrivateKey::to_jwk).collect();
        Zeroizing::new(serde_json::to_string_pretty(&JwkSet { keys }).expect("texts are always JSON"))
    }

    /// Adds a key behind the others.
    ///
    /// # Errors
    /// When there is one of its name.
    pub fn add(&mut self, key: FleetPrivateKey) -> Result<(), KeyError> {
        if self.0.iter().any(|known| known.kid == key.kid) {
            return Err(KeyError::Doubled { kid: key.kid });
        }
        self.0.push(key);
        Ok(())
    }

    /// Drops a key; false when it is not there.
    pub fn remove(&mut self, kid: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|key| key.kid != kid);
        self.0.len() < before
    }

    /// All keys, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &FleetPrivateKey> {
        self.0.iter()
    }

    /// Opens the grants of the message that `binding` is of.
    ///
    /// # Errors
    /// When their key is not here, they are another message's, or anything about them was changed.
    pub fn open(&self, sealed: &SealedGrants, binding: &Binding) -> Result<(GrantUrl, GrantUrl), OpenError> {
        let header = sealed.header();
        if header.binding != *binding {
            return Err(OpenError::OtherMessage);
        }
        let Some(key) = self.0.iter().find(|key| key.kid == header.kid) else {
            let keys = self.0.len();
            let known = if keys == 1 { "1 key".to_owned() } else { format!("{keys} keys") };
            return Err(OpenError::UnknownKey { kid: header.kid.clone(), known });
        };
        let json = jwe::decrypt(&key.secret, sealed).ok_or(OpenError::Broken)?;
        content::read(&json)
    }
}

/// A file of keys, whole; with `private`, one that others may neither read nor write.
pub(crate) fn read_file(path: &Path, private: bool) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let broken = |cause| KeyFileError::Read { path: path.to_owned(), cause };
    let file = File::open(path).map_err(broken)?;
    // Of the file that is open, not of whatever its name leads to by now.
    let mode = file.metadata().map_err(broken)?.mode() & 0o7777;
    if private && mode & MODE_FORBIDDEN != 0 {
        return Err(KeyFileError::NotPrivate { path: path.to_owned(), mode });
    }
    let mut json = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX as usize + 1));
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut json).map_err(broken)?;
    if json.len() as u64 > FILE_BYTES_MAX {
        return Err(KeyFileError::TooLarge { path: path.to_owned(), bytes_max: FILE_BYTES_MAX });
    }
    Ok(json)
}
