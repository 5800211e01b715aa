//! Any bytes as a grant's URL: nothing panics, and no text that the crate writes holds the signature. In the input,
//! `M` stands for the signature's text, so that the fuzzer can put it wherever it likes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valet_grant::{GrantPolicy, GrantUrl, ReadGrant, Role, SasToken, audit, audit_pair, explain, parse_pair};

const SIGNATURE: &str = "zqxzqxjzqxjwvkzq0123456789zqxjwvkzqxjwvkzq0";

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data).replace('M', SIGNATURE);
    let url = GrantUrl::new(text + "&sig=" + SIGNATURE + "=");
    let now = jiff::Timestamp::from_second(1_768_471_200).expect("in range");
    said(&url, now).iter().for_each(|said| assert!(!said.to_lowercase().contains(SIGNATURE), "{said}"));
});

/// Everything that the crate says about a URL.
fn said(url: &GrantUrl, now: jiff::Timestamp) -> Vec<String> {
    let policy = GrantPolicy::loopback();
    let explained = explain(url, now);
    vec![
        format!("{url} {url:?} {:?}", SasToken::parse(url)),
        format!("{explained} {explained:?}"),
        format!("{:?}", audit(url, Role::Input, &policy, now)),
        format!("{:?}", audit(url, Role::Output, &policy, now)),
        format!("{:?}", audit_pair(url, url, &policy, now)),
        match ReadGrant::parse(url.clone(), &policy, now) {
            Ok(grant) => format!("{grant} {grant:?} {} {:?}", grant.blob(), grant.pin()),
            Err(error) => format!("{error} {error:?} {}", error.advice()),
        },
        format!("{:?}", parse_pair(url.clone(), url.clone(), &policy, now)),
    ]
}
