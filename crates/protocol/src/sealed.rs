//! Two grants that only the fleet can open: a JWE (RFC 7516) in compact form, with what it is bound to in its
//! protected header.
//! Must never decrypt or hold a key; reading the header proves nothing, opening (crate `seal`) does.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use valet_grant::GrantUrl;

use crate::limits::{KEY_ID_BYTES_MAX, PRESET_NAME_BYTES_MAX, SEALED_BYTES_MAX};
use crate::tree;
use crate::{BadText, JobId, JobMessage, Lane, de};

/// How the key is agreed on: ephemeral-static ECDH on P-256, which wraps a fresh content key.
pub const ALG: &str = "ECDH-ES+A256KW";
/// How the content is encrypted.
pub const ENC: &str = "A256GCM";

/// 32 bytes in base64url.
const COORDINATE_CHARS: usize = 43;

const SHAPE: BadText = BadText {
    rule: "must be a JWE in compact form: five parts of base64url without padding, at most 24576 bytes",
};
const HEADER: BadText = BadText {
    rule: "must have a header with alg ECDH-ES+A256KW, enc A256GCM, kid, epk (EC on P-256), job, lane, preset \
           (name/version) and exp (whole seconds of not_after), and beside these only typ, cty, apu and apv",
};

/// The two grants of a job.
#[derive(Clone, PartialEq)]
pub enum Grants {
    /// In clear text: whoever reads the message can use them.
    Open {
        /// A URL that may read the input.
        input: GrantUrl,
        /// A URL that may create the output.
        output: GrantUrl,
    },
    /// Encrypted to the fleet's key.
    Sealed(SealedGrants),
}

impl Grants {
    /// Input's and output's URL, if they are not sealed.
    pub fn urls(&self) -> Option<(&GrantUrl, &GrantUrl)> {
        match self {
            Self::Open { input, output } => Some((input, output)),
            Self::Sealed(_) => None,
        }
    }

    /// The sealed form, if they are sealed.
    pub fn sealed(&self) -> Option<&SealedGrants> {
        match self {
            Self::Open { .. } => None,
            Self::Sealed(sealed) => Some(sealed),
        }
    }
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { input, output } => write!(f, "{input:?} and {output:?}"),
            Self::Sealed(sealed) => write!(f, "{sealed:?}"),
        }
    }
}

/// What sealed grants are for: they open in no other message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The job's id.
    pub job: JobId,
    /// Its lane.
    pub lane: Lane,
    /// Its preset, `name/version`.
    pub preset: String,
    /// Its `not_after` in whole seconds since 1970, cut.
    pub exp: i64,
}

impl Binding {
    /// What the grants of this message must be bound to.
    pub fn of(message: &JobMessage) -> Self {
        Self {
            job: message.id,
            lane: message.lane.clone(),
            preset: format!("{}/{}", message.preset.name, message.preset.version),
            exp: message.not_after.as_second(),
        }
    }
}

/// Grants encrypted to the fleet. Their text is within its limit and their header is readable.
#[derive(Clone, PartialEq)]
pub struct SealedGrants {
    text: String,
    header: SealedHeader,
}

/// The protected header: authentic only once the grants have been opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedHeader {
    /// Which of the fleet's keys opens them.
    pub kid: String,
    /// The sender's ephemeral public key: both coordinates in base64url.
    pub epk: (String, String),
    /// What they are bound to.
    pub binding: Binding,
    /// `apu` and `apv`, which enter the key derivation as they are; mostly absent.
    pub parties: (Option<String>, Option<String>),
}

impl SealedGrants {
    /// The JWE in compact form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The protected header.
    pub fn header(&self) -> &SealedHeader {
        &self.header
    }
}

impl SealedHeader {
    /// Whether it names this message: its job, lane, preset and expiry.
    pub fn binds(&self, message: &JobMessage) -> bool {
        self.binding == Binding::of(message)
    }
}

/// Whether a text can be a key's id: 1 to 64 characters out of `A-Z a-z 0-9 . _ ~ -`.
pub fn is_key_id(text: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
    (1..=KEY_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(usual)
}

fn is_url_safe(text: &str) -> bool {
    let url_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.bytes().all(url_safe)
}

/// `name/version`: what is printed of a header is never a text of the sender's own choice.
fn is_preset(text: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let digits = |text: &str| (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('/').is_some_and(|(name, version)| {
        (1..=PRESET_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(usual) && digits(version)
    })
}

impl FromStr for SealedGrants {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        let parts: Vec<_> =
            if text.len() > SEALED_BYTES_MAX { Vec::new() } else { text.split('.').collect() };
        if parts.len() != 5 || !parts.iter().all(|part| is_url_safe(part)) {
            return Err(SHAPE);
        }
        let json = BASE64_URL_SAFE_NO_PAD.decode(parts[0]).map_err(|_| SHAPE)?;
        let header = SealedHeader::read(&json).ok_or(HEADER)?;
        Ok(Self { text: text.to_owned(), header })
    }
}

impl fmt::Debug for SealedGrants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedGrants({} bytes, to key {})", self.text.len(), self.header.kid)
    }
}

/// The header as JSON. `crit` and `zip` are unknown fields here: nothing that they could ask for is done.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    enc: String,
    kid: String,
    epk: Epk,
    job: String,
    lane: String,
    preset: String,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    typ: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cty: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    apu: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    apv: Option<String>,
}

/// An ephemeral public key. A private part (`d`) in it would let anybody open the grants, and is refused.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Epk {
    kty: String,
    crv: String,
    x: String,
    y: String,
}

impl SealedHeader {
    fn read(json: &[u8]) -> Option<Self> {
        // Like the message itself: no field twice, none unknown.
        let tree = tree::parse(json, SEALED_BYTES_MAX).ok()?;
        let header: Header = de::from_tree(tree).ok()?;
        let expected = header.alg == ALG
            && header.enc == ENC
            && is_key_id(&header.kid)
            && header.epk.kty == "EC"
            && header.epk.crv == "P-256"
            && [&header.epk.x, &header.epk.y]
                .iter()
                .all(|half| half.len() == COORDINATE_CHARS && is_url_safe(half))
            && is_preset(&header.preset);
        if !expected {
            return None;
        }
        let binding = Binding {
            job: header.job.parse().ok()?,
            lane: header.lane.parse().ok()?,
            preset: header.preset,
            exp: i64::try_from(header.exp).ok()?,
        };
        let epk = (header.epk.x, header.epk.y);
        Some(Self { kid: header.kid, epk, binding, parties: (header.apu, header.apv) })
    }

    /// The header as the JSON that becomes the JWE's first part.
    pub fn to_json(&self) -> Vec<u8> {
        let header = Header {
            alg: ALG.to_owned(),
            enc: ENC.to_owned(),
            kid: self.kid.clone(),
            epk: Epk {
                kty: "EC".to_owned(),
                crv: "P-256".to_owned(),
                x: self.epk.0.clone(),
                y: self.epk.1.clone(),
            },
            job: self.binding.job.to_string(),
            lane: self.binding.lane.to_string(),
            preset: self.binding.preset.clone(),
            exp: self.binding.exp.unsigned_abs(),
            typ: None,
            cty: None,
            apu: self.parties.0.clone(),
            apv: self.parties.1.clone(),
        };
        serde_json::to_vec(&header).expect("texts and numbers are always JSON")
    }
}
