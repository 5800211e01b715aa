//! RFC 7516 for one choice of algorithms: `ECDH-ES+A256KW` on P-256 and `A256GCM`, in compact form.
//! Must never tell why something does not open: whoever changes bytes must learn nothing from the answer.

use aes_gcm::aead::{AeadInOut as _, Generate as _, KeyInit as _, Nonce, Tag};
use aes_gcm::{Aes256Gcm, Key};
use aes_kw::KwAes256;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use p256::ecdh::{EphemeralSecret, SharedSecret};
use p256::{PublicKey, SecretKey};
use valet_protocol::sealed::ALG;
use valet_protocol::{Binding, SealedGrants, SealedHeader};
use zeroize::Zeroizing;

use crate::kdf::concat_kdf;
use crate::{SealError, jwk};

const KEY_BYTES: usize = 32;
const WRAPPED_KEY_BYTES: usize = KEY_BYTES + 8;

/// Encrypts to one key, with the header as associated data.
pub(crate) fn encrypt(
    kid: &str,
    to: &PublicKey,
    binding: &Binding,
    content: &Zeroizing<Vec<u8>>,
) -> Result<String, SealError> {
    let ephemeral = EphemeralSecret::try_generate().map_err(|_| SealError::NoRandomness)?;
    let key = Zeroizing::new(Key::<Aes256Gcm>::try_generate().map_err(|_| SealError::NoRandomness)?);
    let nonce = Nonce::<Aes256Gcm>::try_generate().map_err(|_| SealError::NoRandomness)?;
    let header = SealedHeader {
        kid: kid.to_owned(),
        epk: jwk::coordinates(&ephemeral.public_key()),
        binding: binding.clone(),
        parties: (None, None),
    };
    let wrapping = wrapping_key(&ephemeral.diffie_hellman(to), &[], &[]);
    let mut wrapped = [0; WRAPPED_KEY_BYTES];
    wrapping.wrap_key(&key, &mut wrapped).expect("both lengths are fixed and fit");
    let header = BASE64_URL_SAFE_NO_PAD.encode(header.to_json());
    let mut bytes = content.clone();
    let tag = Aes256Gcm::new(&key)
        .encrypt_inout_detached(&nonce, header.as_bytes(), bytes.as_mut_slice().into())
        .map_err(|_| SealError::TooLong)?;
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    Ok([header, part(&wrapped), part(&nonce), part(&bytes), part(&tag)].join("."))
}

/// The content, if not a bit was changed and this is the key that it was encrypted to.
pub(crate) fn decrypt(with: &SecretKey, sealed: &SealedGrants) -> Option<Zeroizing<Vec<u8>>> {
    let mut parts = sealed.as_str().split('.');
    let mut decoded = || BASE64_URL_SAFE_NO_PAD.decode(parts.next()?).ok();
    let (_, wrapped, nonce, bytes, tag) = (decoded()?, decoded()?, decoded()?, decoded()?, decoded()?);
    let (nonce, tag) = (
        Nonce::<Aes256Gcm>::try_from(nonce.as_slice()).ok()?,
        Tag::<Aes256Gcm>::try_from(tag.as_slice()).ok()?,
    );
    if wrapped.len() != WRAPPED_KEY_BYTES {
        return None;
    }
    let header = sealed.header();
    let party = |text: &Option<String>| match text {
        Some(text) => BASE64_URL_SAFE_NO_PAD.decode(text).ok(),
        None => Some(Vec::new()),
    };
    let (apu, apv) = (party(&header.parties.0)?, party(&header.parties.1)?);
    let epk = jwk::point(&header.epk.0, &header.epk.1)?;
    let wrapping = wrapping_key(&with.diffie_hellman(&epk), &apu, &apv);
    let mut key = Zeroizing::new(Key::<Aes256Gcm>::default());
    wrapping.unwrap_key(&wrapped, &mut key).ok()?;
    // As it came, not as we would write it: the sender's library may order the header in its own way.
    let (associated, _) = sealed.as_str().split_once('.')?;
    let mut bytes = Zeroizing::new(bytes);
    Aes256Gcm::new(&key)
        .decrypt_inout_detached(&nonce, associated.as_bytes(), bytes.as_mut_slice().into(), &tag)
        .ok()?;
    Some(bytes)
}

fn wrapping_key(shared: &SharedSecret, apu: &[u8], apv: &[u8]) -> KwAes256 {
    let key = concat_kdf::<KEY_BYTES>(shared.raw_secret_bytes(), ALG, apu, apv);
    KwAes256::new((&*key).into())
}
