//! Minted, complete SAS URLs a second on one core, next to the raw HMAC-SHA256 of the same bytes.
//!
//! Samples are small, so that the URLs of one stay in the cache as they do when each goes out at once; their
//! memory is given back outside the clock. The raw side has its key state prepared too, and does nothing else:
//! no encoding, no text, no URL.

use base64::Engine;
use divan::{Bencher, black_box, counter::ItemsCount};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use valet_mint::{Account, AccountKey, GrantSpec, Signer};

const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// What `mint` below signs, byte for byte.
const STRING_TO_SIGN: &str = "r\n2026-01-15T09:45:00Z\n2026-01-15T11:30:00Z\n/blob/devstoreaccount1/media-in/jobs/0192f3a4/input.mp4\n\n\nhttps\n2022-11-02\nb\n\n\n\n\n\n\n";

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 4000, sample_size = 100)]
fn mint(bencher: Bencher<'_, '_>) {
    let signer = Signer::with_account_key(
        Account::azure("devstoreaccount1").expect("a good name"),
        AccountKey::from_base64(KEY).expect("a good key"),
    );
    let now: Timestamp = "2026-01-15T10:00:00Z".parse().expect("a good time");
    let expiry: Timestamp = "2026-01-15T11:30:00Z".parse().expect("a good time");
    bencher.counter(ItemsCount::new(1u32)).bench(|| {
        signer.mint(&GrantSpec::read("media-in", black_box("jobs/0192f3a4/input.mp4"), now, expiry))
    });
}

#[divan::bench(sample_count = 4000, sample_size = 100)]
fn raw_hmac(bencher: Bencher<'_, '_>) {
    let key = base64::engine::general_purpose::STANDARD.decode(KEY).expect("a good key");
    let state = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
    bencher.counter(ItemsCount::new(1u32)).bench(|| {
        let mut mac = state.clone();
        mac.update(black_box(STRING_TO_SIGN.as_bytes()));
        mac.finalize().into_bytes()
    });
}
