//! What another library seals, this crate opens.

#![allow(clippy::unwrap_used)] // in the tests' own helpers too

use valet_protocol::SealedGrants;
use valet_seal::FleetPrivateKeys;

/// Made with Python's joserfc 1.6.5: `jwe.encrypt_compact` with a registry that takes headers of our own. Its key
/// is of this test alone.
const VECTOR: &str = include_str!("joserfc.json");

#[test]
fn what_joserfc_seals_opens() {
    let vector: serde_json::Value = serde_json::from_str(VECTOR).unwrap();
    let keys = FleetPrivateKeys::parse(vector["key"].to_string().as_bytes()).unwrap();
    let sealed: SealedGrants = vector["jwe"].as_str().unwrap().parse().unwrap();
    let (input, output) = keys.open(&sealed, &sealed.header().binding.clone()).unwrap();
    assert_eq!(input.expose_url(), "https://acct.blob.core.windows.net/in/a.mov?sp=r&sr=b&sig=c2VjcmV0");
    assert_eq!(output.expose_url(), "https://other.blob.core.windows.net/out/a.mp4?sp=c&sr=b&sig=c2VjcmV0");
}
