//! The bytes on the wire do not change by accident: golden files decode and encode to themselves.

#![allow(clippy::unwrap_used)] // in the tests' own helpers too

mod common;

use common::{assert_file, golden, message, reports, sealed_message};
use valet_protocol::{Event, JobMessage, Limits, Report};

fn text(message: &JobMessage) -> String {
    String::from_utf8(message.encode().unwrap().as_ref().to_vec()).unwrap()
}

#[test]
fn a_full_message_decodes_and_encodes_to_its_golden_bytes() {
    assert_file(&golden("message-full.json"), &text(&message()));
    let bytes = std::fs::read(golden("message-full.json")).unwrap();
    let decoded = JobMessage::decode(&bytes).unwrap();
    assert_eq!(decoded, message());
    assert_eq!(decoded.encode().unwrap().as_ref(), bytes);
}

#[test]
fn a_sealed_message_decodes_and_encodes_to_its_golden_bytes() {
    assert_file(&golden("message-sealed.json"), &text(&sealed_message()));
    let bytes = std::fs::read(golden("message-sealed.json")).unwrap();
    assert_eq!(JobMessage::decode(&bytes).unwrap(), sealed_message());
}

fn plain() -> JobMessage {
    let mut plain = message();
    (plain.input.etag, plain.output.content_type) = (None, None);
    (plain.limits, plain.tags, plain.preset.params) =
        (Limits::default(), Default::default(), Default::default());
    (plain.remints, plain.attempts_before) = (0, 0);
    plain
}

#[test]
fn a_message_without_optional_fields_decodes_and_encodes_to_its_golden_bytes() {
    assert_file(&golden("message-plain.json"), &text(&plain()));
    let bytes = std::fs::read(golden("message-plain.json")).unwrap();
    assert_eq!(JobMessage::decode(&bytes).unwrap().encode().unwrap().as_ref(), bytes);
}

#[test]
fn other_spellings_of_the_same_message_decode_to_it() {
    for name in ["message-spelt-short.json", "message-spelt-null.json"] {
        let bytes = std::fs::read(golden(name)).unwrap();
        assert_eq!(JobMessage::decode(&bytes).unwrap(), plain(), "{name}");
    }
}

/// Headers line by line, an empty line, the body: the form of the golden files.
fn lines(event: &Event) -> String {
    let headers = event.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
    let body = std::str::from_utf8(&event.body).unwrap();
    format!("content_type: {}\n{}\n{body}", event.content_type, headers.collect::<String>())
}

fn event(lines: &str) -> Event {
    let (head, body) = lines.split_once("\n\n").unwrap();
    let mut headers = head.lines().map(|line| line.split_once(": ").unwrap());
    let (_, content_type) = headers.next().unwrap();
    Event {
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        content_type: content_type.to_owned(),
        body: body.as_bytes().to_vec(),
    }
}

#[test]
fn a_report_of_each_kind_decodes_and_encodes_to_its_golden_bytes() {
    for report in reports() {
        let path = golden(&format!("report-{}.event", report.kind()));
        assert_file(&path, &lines(&report.to_event()));
        let found = std::fs::read_to_string(&path).unwrap();
        let Event { headers, body, .. } = event(&found);
        let decoded = Report::from_event(&headers, &body).unwrap();
        assert_eq!(decoded, report);
        assert_eq!(lines(&decoded.to_event()), found);
    }
}
