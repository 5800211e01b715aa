//! What a message may be, and how each mistake is told.

#![allow(clippy::unwrap_used)] // in the tests' own helpers too

mod common;

use common::{ID, message, message_json};
use serde_json::{Value, json};
use valet_grant::GrantUrl;
use valet_protocol::{
    DecodeError, EncodeError, Grants, JobId, JobMessage, Lane, MESSAGE_BYTES_MAX, Reason, limits, salvage_id,
};

/// The error for the full message with one member set (or removed, with null).
fn refused(pointer: &str, value: Value) -> DecodeError {
    let mut json = message_json();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = json.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    parent.insert(name.to_owned(), value);
    JobMessage::decode(json.to_string().as_bytes()).unwrap_err()
}

fn told(pointer: &str, value: Value) -> String {
    refused(pointer, value).to_string().replace("the message's field ", "")
}

#[test]
fn every_limit_of_a_field_is_told_with_field_and_bound() {
    let long = |length: usize| json!("a".repeat(length));
    let many = |count: usize| Value::Object((0..count).map(|n| (format!("k{n}"), json!("v"))).collect());
    let cases = [
        (
            "/id",
            json!("x"),
            "id must be a UUIDv7 in lower case with hyphens, of a time before the year 10000",
        ),
        ("/id", json!(ID.to_uppercase()), "id must be a UUIDv7"),
        ("/id", json!(ID.replace("-7", "-4")), "id must be a UUIDv7"),
        ("/id", json!(ID.replace("-8", "-0")), "id must be a UUIDv7"),
        ("/id", json!("ffffffff-ffff-7abc-8def-0123456789ab"), "id must be a UUIDv7"),
        ("/lane", json!("a.b"), "lane must be 1 to 40 characters out of a-z, 0-9 and -"),
        ("/lane", long(41), "lane must be 1 to 40"),
        ("/lane", json!(""), "lane must be 1 to 40"),
        ("/lane", json!(7), "lane must be a text"),
        ("/input/url", json!(""), "input.url must have 1 to 8192 bytes"),
        ("/input/url", long(8193), "input.url must have 1 to 8192 bytes"),
        ("/input/url", json!({}), "input.url must be a text"),
        ("/input", json!([]), "input must be an object"),
        ("/input/etag", json!("0x8D"), "input.etag must be a strong entity tag"),
        ("/input/etag", json!("W/\"x\""), "input.etag must be a strong entity tag"),
        ("/input/etag", json!("\"a\r\nb\""), "input.etag must be a strong entity tag"),
        ("/output/url", long(8193), "output.url must have 1 to 8192 bytes"),
        (
            "/output/content_type",
            json!("video"),
            "output.content_type must be a media type such as video/mp4",
        ),
        ("/output/content_type", json!("a/b\r\nX: y"), "output.content_type must be a media type"),
        ("/output/content_type", json!(common::input_url()), "output.content_type must have 3 to 128 bytes"),
        ("/output/content_type", json!("https://a/b?sig=x"), "output.content_type must be a media type"),
        ("/preset/name", json!("../x"), "preset.name must consist of a-z, 0-9 and -"),
        ("/preset/name", long(65), "preset.name must have 1 to 64 bytes"),
        ("/preset/version", json!(0), "preset.version must be a whole number from 1 to 9999"),
        ("/preset/version", json!(1.5), "preset.version must be a whole number from 0 to 4294967295"),
        ("/preset/params/crf", json!([1]), "preset.params.crf must be a number, a boolean or a text"),
        ("/preset/params/crf", json!(null), "preset.params.crf must be a number, a boolean or a text"),
        ("/preset/params/tune", long(257), "preset.params.tune must have 0 to 256 bytes"),
        ("/preset/params", many(33), "preset.params must have at most 32 entries"),
        ("/limits/wall_seconds", json!(0), "limits.wall_seconds must be a whole number from 1 to 86400"),
        ("/limits/wall_seconds", json!(86_401), "limits.wall_seconds must be a whole number from 1 to 86400"),
        (
            "/limits/wall_seconds",
            json!(-1),
            "limits.wall_seconds must be a whole number from 0 to 4294967295",
        ),
        (
            "/limits/input_bytes",
            json!(0),
            "limits.input_bytes must be a whole number from 1 to 209715200000000",
        ),
        ("/priority", json!("urgent"), "priority must be one of low, normal, high"),
        ("/priority", json!(1), "priority must be one of low, normal, high"),
        ("/tags", many(33), "tags must have at most 32 entries"),
        ("/tags/title", long(257), "tags.title must have 0 to 256 bytes"),
        ("/tags/title", json!(1), "tags.title must be a text"),
        ("/tags/title", json!("\u{1b}[31m"), "tags.title must hold no control characters"),
        ("/submitted_at", json!("2026-01-31 12:00:00Z"), "submitted_at must be an RFC 3339 time"),
        ("/submitted_at", json!("2026-01-31T12:00:00"), "submitted_at must be an RFC 3339 time"),
        ("/submitted_at", json!("2026-02-30T12:00:00Z"), "submitted_at must be an RFC 3339 time"),
        ("/submitted_at", json!("1969-12-31T23:59:59Z"), "submitted_at must not be before 1970"),
        ("/not_after", json!("2026-01-31T12:00:00.25Z"), "not_after must be later than submitted_at"),
        ("/version", json!("1"), "version must be a whole number from 0 to 18446744073709551615"),
    ];
    for (pointer, value, expected) in cases {
        let error = refused(pointer, value);
        assert_eq!(error.reason(), Reason::BadMessage, "{pointer}: {error}");
        let told = error.to_string().replace("the message's field ", "");
        assert!(told.starts_with(expected), "{pointer}: {told:?} is not {expected:?}");
    }
}

#[test]
fn keys_out_of_their_limits_are_described_and_not_repeated() {
    let key = "k".repeat(65);
    assert_eq!(
        told("/tags", json!({ key.clone(): "" })),
        "tags.(a name of 65 bytes) must have a key of 1 to 64 bytes"
    );
    assert_eq!(told("/tags", json!({ "": "" })), "tags.(a name of 0 bytes) must have a key of 1 to 64 bytes");
    assert_eq!(
        told("/preset/params", json!({ key: 1 })),
        "preset.params.(a name of 65 bytes) must have a name of 1 to 64 bytes"
    );
}

#[test]
fn values_at_their_limits_are_accepted() {
    let mut full = message();
    full.lane = "a".repeat(limits::LANE_BYTES_MAX).parse().unwrap();
    let longest = || GrantUrl::new("u".repeat(limits::URL_BYTES_MAX));
    full.grants = Grants::Open { input: longest(), output: longest() };
    full.output.content_type = Some("video/mp4; codecs=\"avc1.64001f, mp4a.40.2\"".into());
    full.preset.params = (0..limits::PARAMS_MAX)
        .map(|n| {
            (
                format!("{n:0>width$}", width = limits::PARAM_NAME_BYTES_MAX),
                json!("p".repeat(limits::PARAM_TEXT_BYTES_MAX)),
            )
        })
        .collect();
    full.tags = (0..limits::TAGS_MAX)
        .map(|n| {
            (
                format!("{n:0>width$}", width = limits::TAG_KEY_BYTES_MAX),
                "t".repeat(limits::TAG_VALUE_BYTES_MAX),
            )
        })
        .collect();
    full.limits.wall_seconds = Some(limits::WALL_SECONDS_MAX);
    full.limits.input_bytes = Some(limits::INPUT_BYTES_LIMIT_MAX);
    let bytes = full.encode().unwrap();
    assert_eq!(JobMessage::decode(bytes.as_ref()).unwrap(), full);
}

#[test]
fn unknown_fields_are_refused_with_their_path_and_the_nearest_known() {
    for (pointer, field, nearest) in [
        ("/lnae", "lnae", Some("lane")),
        ("/input/urll", "input.urll", Some("url")),
        ("/limits/wall_second", "limits.wall_second", Some("wall_seconds")),
        ("/output/metadata", "output.metadata", None),
    ] {
        let error = refused(pointer, json!(1));
        assert_eq!(error, DecodeError::UnknownField { field: field.to_owned(), nearest });
        assert_eq!(error.reason(), Reason::UnknownField);
        assert_eq!(error.to_string(), format!("the message has an unknown field: {field}"));
    }
    assert_eq!(refused("/lnae", json!(1)).advice(), "did you mean lane?");
}

#[test]
fn required_fields_are_missed_by_name() {
    for pointer in [
        "version",
        "id",
        "input",
        "output",
        "preset",
        "submitted_at",
        "not_after",
        "input/url",
        "preset/name",
    ] {
        let mut json = message_json();
        let (parent, name) = pointer.rsplit_once('/').map_or(("", pointer), |(parent, name)| (parent, name));
        let parent = if parent.is_empty() { String::new() } else { format!("/{parent}") };
        json.pointer_mut(&parent).unwrap().as_object_mut().unwrap().remove(name);
        let error = JobMessage::decode(json.to_string().as_bytes()).unwrap_err();
        assert_eq!(error, DecodeError::MissingField { field: pointer.replace('/', ".") });
    }
}

#[test]
fn a_doubled_field_is_refused_at_any_depth() {
    let text = message_json().to_string();
    for (once, twice, field) in [
        ("\"lane\":", "\"lane\":\"x\",\"lane\":", "lane"),
        ("\"crf\":", "\"crf\":1,\"crf\":", "preset.params.crf"),
        ("\"title\":", "\"titl\\u0065\":\"\",\"title\":", "tags.title"),
    ] {
        let error = JobMessage::decode(text.replacen(once, twice, 1).as_bytes()).unwrap_err();
        assert_eq!(error, DecodeError::DuplicateField { field: field.to_owned() });
    }
}

#[test]
fn what_is_not_json_is_placed() {
    let refused = |bytes: &[u8]| JobMessage::decode(bytes).unwrap_err();
    assert_eq!(refused(b"{\"id\": \xff}"), DecodeError::NotUtf8 { offset: 7 });
    assert_eq!(refused(b"").to_string(), "the message is not JSON: it ends too early at line 1, column 0");
    assert_eq!(
        refused(b"{\n  \"id\" 1}").to_string(),
        "the message is not JSON: syntax error at line 2, column 8"
    );
    assert_eq!(refused(b"{} {}").reason(), Reason::BadJson);
    assert_eq!(refused(b"[]").to_string(), "the message's field (the whole) must be an object");
    assert_eq!(refused("[".repeat(60_000).as_bytes()).reason(), Reason::BadJson);
}

#[test]
fn a_message_over_the_size_limit_is_refused_before_it_is_read() {
    let mut bytes = message().encode().unwrap().as_ref().to_vec();
    bytes.resize(MESSAGE_BYTES_MAX, b' ');
    assert_eq!(JobMessage::decode(&bytes).unwrap(), message());
    bytes.push(b' ');
    let error = JobMessage::decode(&bytes).unwrap_err();
    assert_eq!(error, DecodeError::TooLarge { bytes: 65_537, max: 65_536 });
    assert_eq!(error.reason(), Reason::MessageTooLarge);
}

#[test]
fn another_version_is_told_before_its_unknown_fields() {
    let error = JobMessage::decode(br#"{"version": 2, "steps": []}"#).unwrap_err();
    assert_eq!(error, DecodeError::UnsupportedVersion { version: 2 });
    assert_eq!(error.reason(), Reason::UnsupportedVersion);
}

#[test]
fn a_message_built_out_of_its_limits_does_not_encode() {
    let mut wrong = message();
    wrong.not_after = wrong.submitted_at;
    assert_eq!(
        wrong.encode().unwrap_err().to_string(),
        "the message's field not_after must be later than submitted_at"
    );
    let mut large = message();
    large.tags = (0..32).map(|n| (format!("{n}"), "\\".repeat(256))).collect();
    large.preset.params = (0..32).map(|n| (format!("{n}"), json!("\"".repeat(256)))).collect();
    let doubled = || GrantUrl::new("\\".repeat(8192));
    large.grants = Grants::Open { input: doubled(), output: doubled() };
    assert!(
        matches!(large.encode(), Err(EncodeError::TooLarge { max: MESSAGE_BYTES_MAX, .. })),
        "{:?}",
        large.encode()
    );
}

#[test]
fn an_id_tells_its_time() {
    let id: JobId = ID.parse().unwrap();
    assert_eq!(id.submitted_at().as_millisecond(), 0x0197_6d2a_7f00);
    assert_eq!(id.to_string(), ID);
    assert_eq!(Lane::default().as_str(), "default");
}

#[test]
fn the_id_of_a_broken_message_is_salvaged() {
    let id = ID.parse().ok();
    let text = message_json().to_string();
    assert_eq!(salvage_id(text.as_bytes()), id);
    assert_eq!(salvage_id(text.replace("\"version\":1", "\"version\":9").as_bytes()), id, "another version");
    assert_eq!(salvage_id(&text.as_bytes()[..text.find(ID).unwrap() + 50]), id, "cut off");
    assert_eq!(salvage_id(format!("{text}{}", " ".repeat(MESSAGE_BYTES_MAX)).as_bytes()), id, "too large");
    assert_eq!(salvage_id(b"{\"id\": \"x\"}"), None);
    assert_eq!(salvage_id(b"\"id\""), None);
}
