//! The private key that signs broker tokens: RSA (RS256) or P-256 (ES256), from a PEM file.
//! Must never print the key, nor write it anywhere.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use zeroize::Zeroizing;

/// PKCS#8, which `openssl genpkey` writes.
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// A key that signs broker tokens.
pub struct SigningKey(Kind);

enum Kind {
    // Boxed: an RSA key is ten times the size of the other.
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
}

impl SigningKey {
    /// Reads a PKCS#8 key in PEM.
    ///
    /// # Errors
    /// No such PEM, or neither RSA of 2,048 to 4,096 bits nor P-256.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let der = der(pem).ok_or(KeyError::NotPem)?;
        if let Ok(pair) = RsaKeyPair::from_pkcs8(&der) {
            return Ok(Self(Kind::Rsa(Box::new(pair))));
        }
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new());
        // What ring found is a word about the kind of key and never its content.
        pair.map(|pair| Self(Kind::P256(Box::new(pair))))
            .map_err(|cause| KeyError::Kind { cause: cause.to_string() })
    }

    /// The name of its algorithm in a token's header.
    pub fn algorithm(&self) -> &'static str {
        match &self.0 {
            Kind::Rsa(_) => "RS256",
            Kind::P256(_) => "ES256",
        }
    }

    /// The signature of `bytes`, as JWS wants it.
    pub(super) fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.0 {
            Kind::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let signed = pair.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature);
                signed.map(|()| signature).map_err(|_| KeyError::Random)
            }
            Kind::P256(pair) => pair
                .sign(&random, bytes)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| KeyError::Random),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.algorithm())
    }
}

/// The first private key of a PEM text.
fn der(pem: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, rest) = pem.split_once(BEGIN)?;
    let (body, _) = rest.split_once(END)?;
    let body: Zeroizing<String> = Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    STANDARD.decode(body.as_bytes()).ok().map(Zeroizing::new)
}

/// Why a key cannot be used. Never repeats any of it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No PKCS#8 key in PEM.
    #[error("it holds no unencrypted private key in PEM (PKCS#8)")]
    NotPem,
    /// Another kind of key.
    #[error("it is neither an RSA key of 2048 to 4096 bits nor a P-256 key ({cause})")]
    Kind {
        /// The last parser's word.
        cause: String,
    },
    /// The system gives no random numbers.
    #[error("the system gave no random numbers")]
    Random,
}

impl KeyError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NotPem | Self::Kind { .. } => {
                "make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out broker-token.key"
            }
            Self::Random => "try again",
        }
    }
}
