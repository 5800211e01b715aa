//! Property: whatever a URL looks like and wherever its signature is put, nothing that this crate writes holds the
//! signature's text, plain or percent-encoded. And nothing panics, whatever the text.

use jiff::Timestamp;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use proptest::prelude::*;
use valet_grant::{
    GrantPolicy, GrantUrl, ReadGrant, Role, SasToken, Severity, WriteGrant, audit, audit_pair, explain,
    parse_pair, parse_sas_time,
};

/// A signature's text: base64 with everything that needs escaping in it.
fn marker() -> impl Strategy<Value = String> {
    "[A-Za-z0-9]{10}[A-Za-z0-9+/]{0,33}=?"
}

/// Where a marker is put: plain, escaped, escaped twice, every byte escaped, in lower case.
fn spelled(marker: &str, how: usize) -> String {
    let escape = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    match how % 5 {
        0 => marker.to_owned(),
        1 => escape(marker),
        2 => escape(&escape(marker)),
        3 => marker.bytes().map(|b| format!("%{b:02x}")).collect(),
        _ => marker.to_lowercase(),
    }
}

/// Pieces of which odd URLs are made; `M` stands for the marker.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "https://",
        "http://",
        "HTTPS:",
        "//",
        "acct.blob.core.windows.net",
        "127.0.0.1:10000",
        "localhost",
        "[::1]",
        "/",
        "media-in",
        "a.mov",
        "?",
        "&",
        ";",
        "#",
        "@",
        ":",
        "\\",
        "..",
        "%2e",
        " ",
        "\t",
        "\n",
        "\u{202e}",
        "é",
        "%",
        "%ff",
        "sp=r",
        "sp=c",
        "sp=M",
        "se=2026-01-15T11:30:00Z",
        "se=M",
        "sr=b",
        "sr=M",
        "sv=2022-11-02",
        "sv=M",
        "spr=M",
        "st=M",
        "sip=M",
        "si=M",
        "scid=M",
        "skoid=M",
        "snapshot=M",
        "sr=bs",
        "srh=M",
        "rsct=M",
        "ses=M",
        "foo=M",
        "M=M",
        "sig=M",
        "SIG=M",
        "%73ig=M",
        "amp;sig=M",
        "sig=sig=M",
        "sig%3DM",
        "sig%253DM",
        "u=https%3A%2F%2Fh%2Fp%3Fsig%3DM",
    ])
}

/// URLs that look real, with a marker as the signature and wherever else `odd` says.
fn realistic() -> impl Strategy<Value = (String, String)> {
    let odd = prop::collection::vec((piece(), 0..5usize), 0..4);
    (marker(), 0..6usize, 0..4usize, odd).prop_map(|(marker, place, how, odd)| {
        let at = |n: usize| if place == n { spelled(&marker, how) } else { String::new() };
        let odd: String = odd
            .iter()
            .map(|(piece, how)| format!("&{}", piece.replace('M', &spelled(&marker, *how))))
            .collect();
        let sig = utf8_percent_encode(&marker, NON_ALPHANUMERIC);
        let url = format!(
            "https://{}acct{}.blob.core.windows.net/media-in{}/a{}.mov?sv=2022-11-02&sr=b&sp=r&spr=https\
             &se=2026-01-15T11:30:00Z&si={}&sig={sig}{odd}",
            if place == 5 { at(5) + "@" } else { String::new() },
            at(1),
            at(2),
            at(3),
            at(4),
        );
        (marker, url)
    })
}

/// Soups of pieces with at least one signature: mostly no URL at all.
fn soup() -> impl Strategy<Value = (String, String)> {
    (marker(), prop::collection::vec((piece(), 0..5usize), 0..24)).prop_map(|(marker, pieces)| {
        let soup: String =
            pieces.iter().map(|(piece, how)| piece.replace('M', &spelled(&marker, *how))).collect();
        let url = format!("{soup}&sig={}", utf8_percent_encode(&marker, NON_ALPHANUMERIC));
        (marker, url)
    })
}

/// Arbitrary text around a signature.
fn noise() -> impl Strategy<Value = (String, String)> {
    (marker(), any::<String>(), any::<String>()).prop_map(|(marker, before, after)| {
        let url = format!(
            "https://h.example/{before}?sig={}&{after}",
            utf8_percent_encode(&marker, NON_ALPHANUMERIC)
        );
        (marker, url)
    })
}

fn now() -> Timestamp {
    "2026-01-15T10:00:00Z".parse().expect("a time")
}

fn policies() -> [GrantPolicy; 3] {
    let lax = GrantPolicy { refuse_from: Severity::Critical, ..GrantPolicy::loopback() };
    [GrantPolicy::default(), GrantPolicy::loopback(), lax]
}

/// Everything that the crate can say about a text.
fn everything_said(text: &str) -> Vec<String> {
    let url = GrantUrl::new(text.to_owned());
    let mut said = vec![url.redacted(), url.to_string(), format!("{url:?}"), format!("{url:#?}"), json(&url)];
    said.push(format!("{:?}", SasToken::parse(&url)));
    let explained = explain(&url, now());
    said.extend([explained.to_string(), format!("{explained:?}"), json(&explained)]);
    let quoted = serde_json::to_string(text).expect("text is JSON");
    said.push(format!("{:?}", serde_json::from_str::<GrantUrl>(&quoted)));
    said.push(format!("{:?}", serde_json::from_str::<u32>(&json(&url)).map_err(|error| error.to_string())));
    policies().iter().for_each(|policy| said.extend(judged(&url, policy)));
    said
}

fn judged(url: &GrantUrl, policy: &GrantPolicy) -> Vec<String> {
    let mut findings = audit(url, Role::Input, policy, now());
    findings.extend(audit(url, Role::Output, policy, now()));
    findings.extend(audit_pair(url, url, policy, now()));
    let mut said = vec![format!("{findings:?}"), json(&findings)];
    said.extend(findings.iter().map(|finding| finding.to_string()));
    match ReadGrant::parse(url.clone(), policy, now()) {
        Ok(grant) => said.extend([
            format!("{grant} {grant:?} {:?} {} {}", grant.blob(), grant.host(), json(grant.blob())),
            format!("{:?} {:?} {:?} {}", grant.findings(), grant.pin(), grant.validity(), grant.version()),
        ]),
        Err(error) => said.push(format!("{error} {error:?} {} {:?}", error.advice(), error.rule_ids())),
    }
    said.push(format!("{:?}", WriteGrant::parse(url.clone(), policy, now())));
    said.push(format!("{:?}", parse_pair(url.clone(), url.clone(), policy, now())));
    said
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("every type here serializes")
}

/// Peels encodings off, so that no spelling of the marker is overlooked.
fn plain(text: &str) -> String {
    let peel = |text: String, _| percent_decode_str(&text).decode_utf8_lossy().into_owned();
    (0..6).fold(text.to_owned(), peel).to_lowercase()
}

fn assert_silent(marker: &str, url: &str) -> Result<(), TestCaseError> {
    let secret = marker.trim_end_matches('=').to_lowercase();
    for said in everything_said(url) {
        prop_assert!(
            !plain(&said).contains(&secret),
            "{url:?}\n  with the signature {marker}\n  said {said}"
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_holds_the_signature_of_a_realistic_url((marker, url) in realistic()) {
        assert_silent(&marker, &url)?;
    }

    #[test]
    fn no_text_holds_the_signature_of_a_soup((marker, url) in soup()) {
        assert_silent(&marker, &url)?;
    }

    #[test]
    fn no_text_holds_the_signature_among_noise((marker, url) in noise()) {
        assert_silent(&marker, &url)?;
    }

    #[test]
    fn nothing_panics_on_any_text(text in any::<String>()) {
        prop_assert!(everything_said(&text).len() > 10);
    }

    #[test]
    fn nothing_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let text = String::from_utf8_lossy(&bytes);
        prop_assert!(everything_said(&text).len() > 10);
        let path = format!("https://acct.blob.core.windows.net/{text}");
        prop_assert!(everything_said(&path).len() > 10);
    }

    #[test]
    fn a_time_reads_back_as_written(second in 0i64..253_402_300_799) {
        let time = Timestamp::from_second(second).unwrap();
        prop_assert_eq!(parse_sas_time(&time.to_string()), Some(time));
    }
}

/// A URL with a marker in no odd place stays accepted and readable: the redaction does not simply hide everything.
#[test]
fn an_ordinary_grant_is_not_hidden() {
    const UNSAFE: &AsciiSet = &CONTROLS.add(b'+').add(b'=');
    let sig = utf8_percent_encode("E/zo2LSaR7puWUeBQ7T3jyMdVcboiTqhRr9aztxPZ44=", UNSAFE);
    let url = format!(
        "https://acct.blob.core.windows.net/media-in/a.mov?sv=2022-11-02&sr=b&sp=r&spr=https&se=2026-01-15T11:30:00Z&sig={sig}"
    );
    let grant = ReadGrant::parse(GrantUrl::new(url), &GrantPolicy::default(), now()).unwrap();
    assert_eq!(grant.to_string(), "acct/media-in/a.mov, r, until 2026-01-15T11:30:00Z");
}

/// The bound on work: the longest URLs, full of what is costly to take apart.
#[test]
fn the_longest_urls_are_judged_quickly() {
    let units = [
        "%25",
        "sig=",
        "&sig=aaaaaaaa",
        "&sig=aaaaaaaa/",
        "/",
        "../",
        "&sp=r",
        "%",
        "a=b&",
        "sig=a/",
        "@",
        "é",
    ];
    for (unit, sign) in units.into_iter().flat_map(|unit| [(unit, "?"), (unit, "/")]) {
        let text =
            format!("https://acct.blob.core.windows.net/media-in/a{sign}{}", unit.repeat(8100 / unit.len()));
        let begun = std::time::Instant::now();
        let findings = audit(&GrantUrl::new(text), Role::Input, &GrantPolicy::default(), now());
        assert!(!findings.is_empty(), "{unit}");
        // A debug build on a busy machine takes a hundredth of this; quadratic work in every byte would take more.
        assert!(begun.elapsed().as_secs() < 10, "{unit} after {sign} took {:?}", begun.elapsed());
    }
}
