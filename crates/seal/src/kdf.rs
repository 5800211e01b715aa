//! The Concat KDF of NIST SP 800-56A as RFC 7518 §4.6.2 uses it, in one round of SHA-256.
//! Must never keep the shared secret.

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Derives a key of `BYTES` (at most 32) from the shared secret `z`.
pub(crate) fn concat_kdf<const BYTES: usize>(
    z: &[u8],
    algorithm: &str,
    apu: &[u8],
    apv: &[u8],
) -> Zeroizing<[u8; BYTES]> {
    const { assert!(BYTES <= 32, "one round of SHA-256 has no more") };
    let mut hash = Sha256::new();
    hash.update(1_u32.to_be_bytes());
    hash.update(z);
    for part in [algorithm.as_bytes(), apu, apv] {
        hash.update(length(part.len()).to_be_bytes());
        hash.update(part);
    }
    hash.update(length(BYTES * 8).to_be_bytes());
    let mut digest = Zeroizing::new([0; 32]);
    digest.copy_from_slice(&hash.finalize());
    let mut key = Zeroizing::new([0; BYTES]);
    key.copy_from_slice(&digest[..BYTES]);
    key
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("the parts of a header are within its limit of some KiB")
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    use super::concat_kdf;

    /// RFC 7518, appendix C.
    #[test]
    fn the_key_of_rfc_7518_appendix_c_is_derived() {
        let z = [
            158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49, 110, 163,
            218, 128, 106, 72, 246, 218, 167, 121, 140, 254, 144, 196,
        ];
        let key = concat_kdf::<16>(&z, "A128GCM", b"Alice", b"Bob");
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(*key), "VqqN6vgjbSBcIijNcacQGg");
    }
}
