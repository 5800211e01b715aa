//! Grants open in their own message, with their own key, unchanged; and in no other way.

#![allow(clippy::unwrap_used)] // in the tests' own helpers too

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use proptest::prelude::*;
use valet_grant::GrantUrl;
use valet_protocol::{Binding, SealedGrants, limits};
use valet_seal::{FleetPrivateKey, FleetPrivateKeys, OpenError, SealError};

const MARKER: &str = "MARKERc2lnbmF0dXJl0123456789";

fn binding() -> Binding {
    Binding {
        job: "01976d2a-7f00-7abc-8def-0123456789ab".parse().unwrap(),
        lane: "acme".parse().unwrap(),
        preset: "h264-720p/1".to_owned(),
        exp: 1_769_882_400,
    }
}

fn grants() -> (GrantUrl, GrantUrl) {
    let url = |path, right| {
        GrantUrl::new(format!("https://acct.blob.core.windows.net/{path}?sp={right}&sig={MARKER}"))
    };
    (url("in/a.mov", "r"), url("out/a.mp4", "c"))
}

fn keys(kids: &[&str]) -> FleetPrivateKeys {
    let mut keys = FleetPrivateKeys::default();
    kids.iter().for_each(|kid| keys.add(FleetPrivateKey::generate(Some(kid)).unwrap()).unwrap());
    keys
}

fn seal(keys: &FleetPrivateKeys, kid: &str) -> SealedGrants {
    let key = keys.iter().find(|key| key.kid() == kid).unwrap();
    let (input, output) = grants();
    key.public().seal(&binding(), &input, &output).unwrap()
}

#[test]
fn two_live_keys_open_what_was_sealed_to_each_and_a_retired_one_is_named() {
    let mut both = keys(&["old", "new"]);
    let sealed = ["old", "new"].map(|kid| seal(&both, kid));
    for one in &sealed {
        assert_eq!(both.open(one, &binding()).unwrap(), grants());
    }
    assert!(both.remove("old"));
    let refused = both.open(&sealed[0], &binding()).unwrap_err();
    assert_eq!(refused, OpenError::UnknownKey { kid: "old".into(), known: "1 key".into() });
    assert_eq!(both.open(&sealed[1], &binding()).unwrap(), grants());
    let namesake = keys(&["new"]);
    assert_eq!(namesake.open(&sealed[1], &binding()), Err(OpenError::Broken), "another key of that name");
}

#[test]
fn no_other_job_lane_preset_or_expiry_opens_them() {
    let keys = keys(&["k"]);
    let sealed = seal(&keys, "k");
    let others = [
        Binding { job: "01976d2a-7f00-7abc-8def-0123456789ac".parse().unwrap(), ..binding() },
        Binding { lane: "default".parse().unwrap(), ..binding() },
        Binding { preset: "copy/1".into(), ..binding() },
        Binding { preset: "h264-720p/2".into(), ..binding() },
        Binding { exp: binding().exp + 1, ..binding() },
    ];
    for other in others {
        assert_eq!(keys.open(&sealed, &other), Err(OpenError::OtherMessage), "{other:?}");
        // Nor when the header is made to fit: it is what the ciphertext is bound to.
        let mut header = sealed.header().clone();
        header.binding = other.clone();
        let (_, rest) = sealed.as_str().split_once('.').unwrap();
        let forged = format!("{}.{rest}", BASE64_URL_SAFE_NO_PAD.encode(header.to_json()));
        let forged: SealedGrants = forged.parse().unwrap();
        assert_eq!(keys.open(&forged, &other), Err(OpenError::Broken), "{other:?}");
    }
}

#[test]
fn a_change_of_any_character_keeps_them_shut() {
    let keys = keys(&["k"]);
    let sealed = seal(&keys, "k");
    let text = sealed.as_str();
    let mut opened_shape = 0;
    for (at, found) in text.char_indices() {
        for other in ['A', 'B', 'w', '_', '.'].into_iter().filter(|other| *other != found) {
            let mut changed = text.to_owned();
            changed.replace_range(at..=at, other.encode_utf8(&mut [0; 4]));
            let Ok(changed) = changed.parse::<SealedGrants>() else { continue };
            opened_shape += 1;
            assert!(
                keys.open(&changed, &changed.header().binding.clone()).is_err(),
                "character {at}: {other}"
            );
        }
    }
    assert!(opened_shape > text.len(), "most changes leave the shape of a JWE, {opened_shape}");
}

#[test]
fn every_byte_of_the_header_counts() {
    let keys = keys(&["k"]);
    let sealed = seal(&keys, "k");
    let (_, rest) = sealed.as_str().split_once('.').unwrap();
    let json = sealed.header().to_json();
    let mut read = 0;
    for at in 0..json.len() {
        for other in [b'0', b'1', b'a', b'b', b' '].into_iter().filter(|other| *other != json[at]) {
            let mut changed = json.clone();
            changed[at] = other;
            let Ok(text) =
                format!("{}.{rest}", BASE64_URL_SAFE_NO_PAD.encode(changed)).parse::<SealedGrants>()
            else {
                continue;
            };
            read += 1;
            let binding = text.header().binding.clone();
            assert!(keys.open(&text, &binding).is_err(), "byte {at} to {other}");
        }
    }
    assert!(read > 100, "{read} headers were still read");
    // White space means nothing to JSON, and still is not what was authenticated.
    let spaced = String::from_utf8(json).unwrap().replace("\",\"", "\", \"");
    let spaced = format!("{}.{rest}", BASE64_URL_SAFE_NO_PAD.encode(spaced)).parse::<SealedGrants>().unwrap();
    assert_eq!(keys.open(&spaced, &binding()), Err(OpenError::Broken));
}

#[test]
fn parts_of_two_sealed_grants_do_not_open_together() {
    let keys = keys(&["k"]);
    let (one, two) = (seal(&keys, "k"), seal(&keys, "k"));
    let parts = |sealed: &SealedGrants| sealed.as_str().split('.').map(str::to_owned).collect::<Vec<_>>();
    for place in 0..5 {
        let mut mixed = parts(&one);
        mixed[place] = parts(&two)[place].clone();
        let mixed: SealedGrants = mixed.join(".").parse().unwrap();
        assert_eq!(keys.open(&mixed, &binding()), Err(OpenError::Broken), "part {place}");
    }
}

#[test]
fn the_largest_urls_that_a_message_may_hold_are_sealed_and_longer_ones_refused() {
    let keys = keys(&["k"]);
    let key = keys.iter().next().unwrap().public();
    let url = |bytes| GrantUrl::new("u".repeat(bytes));
    let sealed = key.seal(&binding(), &url(limits::URL_BYTES_MAX), &url(limits::URL_BYTES_MAX)).unwrap();
    keys.open(&sealed, &binding()).unwrap();
    let long = url(2 * limits::URL_BYTES_MAX);
    assert_eq!(key.seal(&binding(), &long, &long), Err(SealError::TooLong));
}

#[test]
fn nothing_that_is_printed_holds_a_grant_or_a_key() {
    let keys = keys(&["k"]);
    let sealed = seal(&keys, "k");
    let json = keys.to_json();
    let private: serde_json::Value = serde_json::from_str(&json).unwrap();
    let d = private["keys"][0]["d"].as_str().unwrap();
    let opened = keys.open(&sealed, &binding()).unwrap();
    let key = keys.iter().next().unwrap();
    let said = format!("{keys:?} {key:?} {sealed:?} {opened:?} {:?} {}", key.public(), key.public().kid());
    assert!(!said.contains(MARKER) && !said.contains(d), "{said}");
    assert!(!sealed.as_str().contains(MARKER));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_is_sealed_comes_back(input in ".{0,300}", output in "[ -~]{0,300}", exp in 0..i64::from(u32::MAX)) {
        thread_local!(static KEYS: FleetPrivateKeys = keys(&["k"]));
        let binding = Binding { exp, ..binding() };
        let (input, output) = (GrantUrl::new(input), GrantUrl::new(output));
        KEYS.with(|keys| {
            let sealed = keys.iter().next().unwrap().public().seal(&binding, &input, &output).unwrap();
            prop_assert_eq!(keys.open(&sealed, &binding).unwrap(), (input, output));
            Ok(())
        })?;
    }

    #[test]
    fn no_text_makes_it_panic(parts in prop::collection::vec("[A-Za-z0-9_-]{1,60}", 4)) {
        thread_local!(static KEYS: FleetPrivateKeys = keys(&["k"]));
        KEYS.with(|keys| {
            let good = seal(keys, "k");
            let (header, _) = good.as_str().split_once('.').unwrap();
            let text: SealedGrants = format!("{header}.{}", parts.join(".")).parse().unwrap();
            prop_assert_eq!(keys.open(&text, &binding()), Err(OpenError::Broken));
            Ok(())
        })?;
    }
}
