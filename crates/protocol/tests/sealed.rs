//! Sealed grants on the wire: instead of both URLs, with a header that tells what they are bound to.

#![allow(clippy::unwrap_used)] // in the tests' own helpers too

mod common;

use common::{
    MARKER, input_url, message_json, output_url, sealed_header, sealed_json, sealed_message, sealed_text,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use valet_protocol::{DecodeError, JobMessage, Reason, SealedGrants, limits, salvage_id, schema};

fn decode(json: &Value) -> Result<JobMessage, DecodeError> {
    JobMessage::decode(json.to_string().as_bytes())
}

/// The sealed message with one member set at a pointer.
fn with(pointer: &str, value: Value) -> Value {
    let mut json = sealed_json();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    json.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(name.to_owned(), value);
    json
}

#[test]
fn a_sealed_message_needs_neither_input_nor_output() {
    let mut json = sealed_json();
    let object = json.as_object_mut().unwrap();
    object.retain(|name, _| name != "input" && name != "output");
    let bare = decode(&json).unwrap();
    assert_eq!(decode(&with("/input/url", Value::Null)).unwrap(), sealed_message(), "null is absent");
    assert_eq!((bare.input, bare.output), Default::default());
    assert!(bare.grants.urls().is_none() && bare.grants.sealed().is_some());
    assert_eq!(salvage_id(json.to_string().as_bytes()), Some(bare.id));
}

#[test]
fn open_and_sealed_grants_exclude_each_other() {
    let text = sealed_json()["sealed"].clone();
    let mut both = message_json();
    both["sealed"] = text;
    let half = with("/output/url", json!(output_url()));
    let schema = jsonschema::draft202012::new(&schema::job()).unwrap();
    for document in [both, half] {
        let error = decode(&document).unwrap_err();
        assert_eq!(error.reason(), Reason::BadMessage);
        assert!(error.to_string().contains("sealed must not stand beside"), "{error}");
        assert!(!schema.is_valid(&document), "{document}");
    }
    let mut neither = sealed_json();
    neither.as_object_mut().unwrap().remove("sealed");
    assert_eq!(decode(&neither), Err(DecodeError::MissingField { field: "input.url".into() }));
    assert!(!schema.is_valid(&neither));
    assert!(schema.is_valid(&sealed_json()));
}

#[test]
fn what_is_no_jwe_in_compact_form_is_refused() {
    let good = sealed_json()["sealed"].as_str().unwrap().to_owned();
    let long = format!("{good}{}", "A".repeat(limits::SEALED_BYTES_MAX));
    let wrong =
        ["".to_owned(), "x".into(), good.replacen('.', "", 1), format!("{good}.x"), format!("{good}="), long];
    for text in wrong.into_iter().chain([good.replacen('.', "..", 1), input_url()]) {
        let error = decode(&with("/sealed", json!(text))).unwrap_err();
        assert!(error.to_string().contains("sealed must be a JWE in compact form"), "{error}");
        assert!(!error.to_string().contains(MARKER));
    }
}

#[test]
fn a_header_holds_what_it_must_and_nothing_that_asks_for_more() {
    let header = || serde_json::from_slice::<Value>(&sealed_header().to_json()).unwrap();
    let read = |header: &Value| sealed_text(header.to_string().as_bytes()).parse::<SealedGrants>();
    assert_eq!(*read(&header()).unwrap().header(), sealed_header());
    for (name, value) in
        [("typ", json!("JWE")), ("cty", json!("json")), ("apu", json!("QQ")), ("apv", json!("Qg"))]
    {
        let mut usual = header();
        usual[name] = value;
        read(&usual).unwrap();
    }
    for (pointer, value) in [
        ("/alg", json!("ECDH-ES")),
        ("/alg", json!("dir")),
        ("/enc", json!("A128GCM")),
        ("/kid", json!("")),
        ("/kid", json!(input_url())),
        ("/kid", json!("k".repeat(65))),
        ("/crit", json!(["exp"])),
        ("/zip", json!("DEF")),
        ("/epk/crv", json!("P-384")),
        ("/epk/kty", json!("OKP")),
        ("/epk/x", json!("short")),
        ("/epk/d", json!("a private key would let everybody open it")),
        ("/job", json!("7")),
        ("/lane", json!("Not A Lane")),
        ("/preset", json!("copy")),
        ("/preset", json!(input_url())),
        ("/exp", json!("2026")),
        ("/exp", json!(1.5)),
        ("/exp", json!(-1)),
    ] {
        let mut wrong = header();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        wrong.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(name.to_owned(), value);
        let error = read(&wrong).unwrap_err();
        assert!(error.rule.starts_with("must have a header with alg"), "{pointer}: {error}");
    }
    for name in ["alg", "enc", "kid", "epk", "job", "lane", "preset", "exp"] {
        let mut short = header();
        short.as_object_mut().unwrap().remove(name);
        assert!(read(&short).is_err(), "without {name}");
    }
    let twice = header().to_string().replacen("{\"", "{\"kid\":\"other\",\"", 1);
    assert!(sealed_text(twice.as_bytes()).parse::<SealedGrants>().is_err(), "a field twice");
}

#[test]
fn a_header_binds_its_own_message_alone() {
    let sealed = sealed_message();
    let header = sealed.grants.sealed().unwrap().header();
    assert!(header.binds(&sealed));
    let changes: [fn(&mut JobMessage); 5] = [
        |job| job.id = "01976d2a-7f00-7abc-8def-0123456789ac".parse().unwrap(),
        |job| job.lane = "acme".parse().unwrap(),
        |job| job.preset.name = "copy".into(),
        |job| job.preset.version = 2,
        |job| job.not_after += SignedDuration::from_secs(1),
    ];
    for change in changes {
        let mut other = sealed.clone();
        change(&mut other);
        assert!(!header.binds(&other), "{other:?}");
    }
}

#[test]
fn nothing_printed_of_it_holds_the_ciphertext() {
    let sealed = sealed_message();
    let told = format!("{sealed:?} {:?} {:?}", sealed.grants, sealed.grants.sealed().unwrap().header());
    assert!(told.contains("to key fleet-2026-01") && !told.contains("cccc"), "{told}");
}

#[test]
fn two_urls_of_the_largest_size_fit_once_they_are_sealed() {
    let plaintext = 2 * limits::URL_BYTES_MAX + "{\"input\":\"\",\"output\":\"\"}".len();
    let around = sealed_text(&sealed_header().to_json()).len() - 700 + limits::KEY_ID_BYTES_MAX * 2;
    assert!(plaintext.div_ceil(3) * 4 + around <= limits::SEALED_BYTES_MAX);
}
