//! Keys as JSON (RFC 7517): one JWK, or a set of them.
//! Must never print `d`, and wipes it.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use p256::PublicKey;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use valet_protocol::sealed::{ALG, is_key_id};
use zeroize::Zeroizing;

use crate::KeyError;

/// Bytes of a coordinate or of a private key.
const BYTES: usize = 32;
/// The mark before an uncompressed point (SEC 1).
const UNCOMPRESSED: u8 = 4;

/// A JWK's members as far as they matter here; a public list may have others, which are not looked at.
#[derive(Serialize, Deserialize)]
pub(crate) struct Jwk {
    pub(crate) kty: String,
    pub(crate) crv: Option<String>,
    pub(crate) x: Option<String>,
    pub(crate) y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) d: Option<Zeroizing<String>>,
    pub(crate) kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "use")]
    pub(crate) purpose: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alg: Option<String>,
}

/// A JWK Set.
#[derive(Serialize, Deserialize)]
pub(crate) struct JwkSet {
    pub(crate) keys: Vec<Jwk>,
}

/// One key, or several.
pub(crate) fn parse(json: &[u8]) -> Result<Vec<Jwk>, KeyError> {
    if let Ok(set) = serde_json::from_slice::<JwkSet>(json) {
        return Ok(set.keys);
    }
    serde_json::from_slice::<Jwk>(json).map(|key| vec![key]).map_err(|_| KeyError::NotJwk)
}

impl Jwk {
    pub(crate) fn of(kid: &str, public: &PublicKey) -> Self {
        let (x, y) = coordinates(public);
        Self {
            kty: "EC".to_owned(),
            crv: Some("P-256".to_owned()),
            x: Some(x),
            y: Some(y),
            d: None,
            kid: Some(kid.to_owned()),
            purpose: Some("enc".to_owned()),
            alg: Some(ALG.to_owned()),
        }
    }

    /// Its name and its point, both sound.
    pub(crate) fn public(&self) -> Result<(String, PublicKey), KeyError> {
        let other =
            |said: &Option<String>, expected: &str| said.as_deref().is_some_and(|said| said != expected);
        let ours = self.kty == "EC" && self.crv.as_deref() == Some("P-256");
        if !ours || other(&self.alg, ALG) || other(&self.purpose, "enc") {
            return Err(KeyError::OtherKind);
        }
        let kid = self.kid.clone().filter(|kid| is_key_id(kid)).ok_or(KeyError::BadId)?;
        match self.x.as_deref().zip(self.y.as_deref()).and_then(|(x, y)| point(x, y)) {
            Some(public) => Ok((kid, public)),
            None => Err(KeyError::NoPoint { kid }),
        }
    }
}

/// Both coordinates in base64url.
pub(crate) fn coordinates(public: &PublicKey) -> (String, String) {
    let uncompressed = public.to_sec1_point(false);
    let (x, y) = uncompressed.as_bytes()[1..].split_at(BYTES);
    (BASE64_URL_SAFE_NO_PAD.encode(x), BASE64_URL_SAFE_NO_PAD.encode(y))
}

/// The point of two coordinates; none when it is not on the curve.
pub(crate) fn point(x: &str, y: &str) -> Option<PublicKey> {
    let mut bytes = [UNCOMPRESSED; 1 + 2 * BYTES];
    for (text, place) in [(x, 1..=BYTES), (y, 1 + BYTES..=2 * BYTES)] {
        let decoded = BASE64_URL_SAFE_NO_PAD.decode(text).ok().filter(|decoded| decoded.len() == BYTES)?;
        bytes[place].copy_from_slice(&decoded);
    }
    PublicKey::from_sec1_bytes(&bytes).ok()
}

/// The number of a private key.
pub(crate) fn scalar(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let decoded = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?);
    (decoded.len() == BYTES).then_some(decoded)
}

/// A key's thumbprint (RFC 7638), the name that it gets when nobody names it.
pub(crate) fn thumbprint(public: &PublicKey) -> String {
    let (x, y) = coordinates(public);
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}
