//! Reports are bounded, derive their ids, and are read by name and rule.

#![allow(clippy::unwrap_used)] // in the tests' own helpers too

mod common;

use common::{ID, report, reports, submitted, success};
use valet_protocol::*;

#[test]
fn ids_and_routing_keys_derive_from_job_attempt_and_kind() {
    let ids: Vec<_> = reports().iter().map(Report::id).collect();
    assert!(
        ids.contains(&format!("{ID}/succeeded")) && ids.contains(&format!("{ID}/2.1/progress/7")),
        "{ids:?}"
    );
    let first: Vec<_> = reports().into_iter().map(|report| Report { redelivery: 0, ..report }.id()).collect();
    assert!(
        first.contains(&format!("{ID}/2/started")) && first.contains(&format!("{ID}/2/failed")),
        "{first:?}"
    );
    assert!(ids.contains(&format!("{ID}/2.1/started")) && ids.contains(&format!("{ID}/2/failed")), "{ids:?}");
    let keys: Vec<_> = reports().iter().map(Report::routing_key).collect();
    assert!(keys.contains(&format!("default.{ID}.retrying")), "{keys:?}");
    assert!(keys.iter().all(|key| key.len() <= 255));
}

#[test]
fn every_kind_is_known_by_its_type() {
    let kinds: Vec<_> = reports().iter().map(Report::kind).collect();
    assert_eq!(kinds, ReportKind::ALL);
    for kind in kinds {
        assert_eq!(kind.event_type(), format!("valet.job.{kind}"));
        assert_eq!(kind.event_type().parse(), Ok(kind));
    }
}

#[test]
fn the_largest_report_stays_below_its_limit() {
    let long = |c: char| c.to_string().repeat(100_000);
    // A quote takes two bytes in JSON, which is the most that a byte of a text can take.
    let mut success = success();
    success.output = long('"').into();
    (success.content_type, success.sha256) = (long('"').into(), Some(long('"').into()));
    (success.md5, success.codec_version) = (Some(long('"').into()), long('"').into());
    let media = success.media.as_mut().unwrap();
    media.format = long('"').into();
    (media.video_codec, media.audio_codec) = (Some(long('"').into()), Some(long('"').into()));
    let failed = Failed { reason: Reason::CodecFailed, detail: long('\n').into(), advice: long('\\').into() };
    let tag = |n: usize| (ShortText::from(format!("{n:02}{}", "\"".repeat(62))), TagText::from(long('"')));
    let submitted = Submitted {
        input: long('"').into(),
        output: long('"').into(),
        tags: (0..limits::TAGS_MAX).map(tag).collect(),
        ..submitted()
    };
    for data in [
        ReportData::Succeeded(Box::new(success)),
        ReportData::Failed(failed),
        ReportData::Submitted(Box::new(submitted)),
    ] {
        let report = report(data);
        let event = report.to_event();
        assert!(event.body.len() <= REPORT_BYTES_MAX, "{} bytes", event.body.len());
        assert_eq!(Report::from_event(&event.headers, &event.body).unwrap(), report);
    }
}

#[test]
fn texts_are_cut_at_a_character_and_cleaned() {
    let detail = Detail::new(&"ß".repeat(2_000));
    assert!(detail.as_str().len() <= limits::DETAIL_BYTES_MAX && detail.as_str().ends_with("ß…"));
    assert_eq!(Detail::new("a\u{1b}[31mb\nc\r").as_str(), "a [31mb\nc ");
    assert_eq!(ShortText::new("short").as_str(), "short");
    assert_eq!(WorkerName::from("rack 7/ä").as_str(), "rack-7--");
    assert_eq!(WorkerName::from("").as_str(), "unnamed");
}

#[test]
fn signatures_are_cut_out_of_texts() {
    for (dirty, clean) in [
        ("https://a/b?sp=r&sig=AbC%2B&se=1 failed", "https://a/b?sp=r&sig=redacted&se=1 failed"),
        ("'https://a/b?SIG=AbC' and \"sig=x\"", "'https://a/b?SIG=redacted' and \"sig=redacted\""),
        ("u%3Fsig%3DAbC%252B", "u%3Fsig%3Dredacted"),
        ("no signature", "no signature"),
        ("sig=", "sig=redacted"),
    ] {
        assert_eq!(Detail::new(dirty).as_str(), clean);
    }
}

#[test]
fn not_a_number_becomes_an_absent_number() {
    let progress =
        Progress { sequence: 1, phase: "codec".into(), fps: Some(f64::NAN), ..Progress::default() };
    let event = report(ReportData::Progress(progress)).to_event();
    let ReportData::Progress(read) = Report::from_event(&event.headers, &event.body).unwrap().data else {
        panic!("it is progress");
    };
    assert_eq!(read.fps, None);
}

/// The error for the report of a failure with one header changed, or its body.
fn refused(name: &str, value: Option<&str>, body: Option<&[u8]>) -> ReportError {
    let mut event =
        reports().into_iter().find(|report| report.kind() == ReportKind::Failed).unwrap().to_event();
    event.headers.retain(|(header, _)| header != &format!("cloudEvents:{name}"));
    event.headers.extend(value.map(|value| (format!("cloudEvents:{name}"), value.to_owned())));
    Report::from_event(&event.headers, body.unwrap_or(&event.body)).unwrap_err()
}

#[test]
fn wrong_headers_are_told_by_name() {
    assert_eq!(refused("subject", None, None).to_string(), "the report lacks the header cloudEvents:subject");
    for (name, value) in [
        ("specversion", "2.0"),
        ("subject", "x"),
        ("lane", "A"),
        ("attempt", "0"),
        ("worker", "a/b"),
        ("time", "now"),
        ("id", "another"),
    ] {
        let told = refused(name, Some(value), None).to_string();
        assert!(told.starts_with(&format!("the report's header cloudEvents:{name} must be")), "{told}");
    }
    let unknown = refused("type", Some("valet.job.moved"), None);
    assert_eq!(
        (&unknown, unknown.advice()),
        (&ReportError::UnknownType, "skip the event, or update this program")
    );
}

#[test]
fn wrong_bodies_are_told_by_field() {
    let cause = |body: &[u8]| match refused("x", None, Some(body)) {
        ReportError::Body { kind: ReportKind::Failed, cause } => cause,
        other => panic!("{other:?}"),
    };
    assert_eq!(cause(b"{}"), DecodeError::MissingField { field: "reason".into() });
    assert_eq!(cause(b"{").reason(), Reason::BadJson);
    assert_eq!(
        cause(&vec![b' '; REPORT_BYTES_MAX + 1]),
        DecodeError::TooLarge { bytes: REPORT_BYTES_MAX + 1, max: REPORT_BYTES_MAX }
    );
    let told = cause(br#"{"reason": "because", "detail": "", "advice": ""}"#).to_string();
    assert!(told.contains("field reason must be one of bad-json, bad-message"), "{told}");
}

#[test]
fn fields_and_headers_of_later_versions_are_skipped() {
    let accepted = report(ReportData::Accepted(Accepted {}));
    let mut event = accepted.to_event();
    event.headers.push(("cloudEvents:mood".into(), "fine".into()));
    assert_eq!(Report::from_event(&event.headers, br#"{"later": [1]}"#).unwrap(), accepted);
}

#[test]
fn codes_of_reasons_are_unique_kebab_case_and_read_back() {
    let codes: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len());
    for reason in Reason::ALL {
        let code = reason.code();
        assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{code}");
        assert_eq!(code.parse(), Ok(*reason));
        assert_eq!(serde_json::to_value(reason).unwrap(), code);
    }
    assert_eq!("nonsense".parse::<Reason>(), Err(UnknownReason));
}

#[test]
fn the_expiration_property_is_whole_milliseconds_and_never_past() {
    let at = |text: &str| text.parse().unwrap();
    let now = at("2026-01-31T12:00:00Z");
    assert_eq!(amqp::expiration(at("2026-01-31T12:00:01.5Z"), now).as_deref(), Some("1500"));
    assert_eq!(amqp::expiration(now, now), None);
    assert_eq!(amqp::expiration(at("2027-01-31T12:00:00Z"), now).as_deref(), Some("4294967295"));
}
