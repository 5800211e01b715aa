//! Logins by signed token on a private node: the key, and every token that a test needs, good and bad.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::Folder;

/// What a public P-256 key's DER begins with; its point follows (RFC 5480).
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The key's name in tokens and in `rabbitmq.conf`.
const KEY_ID: &str = "test";

/// How a node takes tokens.
#[derive(Clone, Debug)]
pub struct BrokerOauth {
    /// What scopes begin with, and whom tokens are for.
    pub resource_server_id: String,
    /// The public half of the signer's key, PEM.
    pub public_key_file: PathBuf,
}

impl BrokerOauth {
    pub(super) fn lines(&self) -> String {
        format!(
            "auth_backends.1 = rabbit_auth_backend_oauth2
auth_backends.2 = internal
auth_oauth2.resource_server_id = {}
auth_oauth2.default_key = {KEY_ID}
auth_oauth2.signing_keys.{KEY_ID} = {}
auth_oauth2.algorithms.1 = ES256
auth_oauth2.algorithms.2 = RS256
",
            self.resource_server_id,
            self.public_key_file.display()
        )
    }
}

/// A key of its own that signs tokens, with its files.
#[derive(Debug)]
pub struct TokenIssuer {
    pair: EcdsaKeyPair,
    folder: Folder,
}

impl Default for TokenIssuer {
    fn default() -> Self {
        Self::new()
    }
}

impl TokenIssuer {
    /// Makes a key and writes both halves.
    ///
    /// # Panics
    /// When the system has no random numbers.
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document =
            EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("the system has random numbers");
        let pair =
            EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("it was made just now");
        let folder = Folder::new("token-issuer");
        let point = pair.public_key().as_ref();
        folder.write("public.pem", pem("PUBLIC", &[&SPKI, point].concat()));
        folder.write("private.pem", pem("PRIVATE", document.as_ref()));
        Self { pair, folder }
    }

    /// The private half, for `oauth.signing_key_file`.
    pub fn private_key_file(&self) -> PathBuf {
        self.folder.join("private.pem")
    }

    /// The name of the key, for `oauth.key_id`.
    pub fn key_id(&self) -> &'static str {
        KEY_ID
    }

    /// What makes a node take this issuer's tokens.
    pub fn broker(&self) -> BrokerOauth {
        BrokerOauth {
            resource_server_id: "rabbitmq".to_owned(),
            public_key_file: self.folder.join("public.pem"),
        }
    }

    /// A token as it should be. A test may have shorter lives than `valet` signs.
    pub fn token(&self, login: &str, scopes: &[String], lifetime: Duration) -> String {
        self.sign(&claims(login, scopes, lifetime))
    }

    /// A token that ended a minute ago.
    pub fn expired(&self, login: &str, scopes: &[String]) -> String {
        let mut claims = claims(login, scopes, Duration::ZERO);
        claims["exp"] = (Timestamp::now().as_second() - 60).into();
        self.sign(&claims)
    }

    /// A token that never ends.
    pub fn endless(&self, login: &str, scopes: &[String]) -> String {
        let mut claims = claims(login, scopes, Duration::ZERO);
        claims.as_object_mut().expect("claims are an object").remove("exp");
        self.sign(&claims)
    }

    /// A token that says it needs no signature, and has none.
    pub fn unsigned(&self, login: &str, scopes: &[String], lifetime: Duration) -> String {
        let header = json!({ "alg": "none", "typ": "JWT" });
        format!("{}.{}.", encoded(&header), encoded(&claims(login, scopes, lifetime)))
    }

    fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": KEY_ID });
        let text = format!("{}.{}", encoded(&header), encoded(claims));
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes());
        let signature = signature.expect("the system has random numbers");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn claims(login: &str, scopes: &[String], lifetime: Duration) -> Value {
    let now = Timestamp::now().as_second();
    let seconds = i64::try_from(lifetime.as_secs()).expect("a test does not last so long");
    json!({ "sub": login, "aud": ["rabbitmq"], "scope": scopes.join(" "), "iat": now, "exp": now + seconds })
}

fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

fn pem(what: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("base64 is ASCII")).collect();
    format!("-----BEGIN {what} KEY-----\n{}\n-----END {what} KEY-----\n", lines.join("\n"))
}
