//! No text of this crate but the encoded message holds a signature, and no bytes make it panic.

#![allow(clippy::unwrap_used)] // in the tests' own helpers too

mod common;

use common::{MARKER, input_url, message, message_json};
use proptest::prelude::*;
use serde_json::Value;
use valet_protocol::{Detail, JobMessage, Report, ReportData, salvage_id};

/// Everything that can be said about bytes.
fn everything_told(bytes: &[u8]) -> String {
    let salvaged = salvage_id(bytes);
    match JobMessage::decode(bytes) {
        Ok(message) => {
            let urls =
                message.grants.urls().map(|(input, output)| serde_json::to_string(&[input, output]).unwrap());
            let encoded =
                message.encode().map_or_else(|e| format!("{e} {e:?} {}", e.advice()), |b| format!("{b:?}"));
            format!(
                "{message:?} {:?} {:?} {:?} {:?} {urls:?} {encoded}",
                message.grants, message.input, message.output, message.preset
            )
        }
        Err(error) => format!("{error} {error:?} {error:#?} {} {salvaged:?}", error.advice()),
    }
}

/// Pointers to every member of the full message.
fn pointers(value: &Value, prefix: &str, found: &mut Vec<String>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        let pointer = format!("{prefix}/{name}");
        pointers(member, &pointer, found);
        found.push(pointer);
    }
}

#[test]
fn the_marker_is_really_in_the_encoded_message() {
    let bytes = message().encode().unwrap();
    assert_eq!(String::from_utf8_lossy(bytes.as_ref()).matches(MARKER).count(), 2);
}

#[test]
fn a_url_in_any_other_place_is_not_repeated() {
    let mut all = Vec::new();
    pointers(&message_json(), "", &mut all);
    assert!(all.len() > 15);
    let forms: [fn() -> Value; 5] = [
        || input_url().into(),
        || vec![input_url()].into(),
        || serde_json::json!({ input_url(): input_url() }),
        || serde_json::json!({ "url": { "url": input_url() } }),
        || serde_json::json!([[{ "a": input_url() }]]),
    ];
    for pointer in all {
        for form in forms {
            let mut json = message_json();
            *json.pointer_mut(&pointer).unwrap() = form();
            let told = everything_told(json.to_string().as_bytes());
            assert!(!told.contains(MARKER), "{pointer}: {told}");
        }
    }
}

#[test]
fn a_url_as_a_name_is_not_repeated() {
    for parent in ["", "/input", "/output", "/preset", "/preset/params", "/limits", "/tags"] {
        let mut json = message_json();
        json.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(input_url(), 1.into());
        let told = everything_told(json.to_string().as_bytes());
        assert!(!told.contains(MARKER), "{parent}: {told}");
    }
}

#[test]
fn a_report_that_quotes_a_url_does_not_repeat_its_signature() {
    let detail = format!("cannot open '{}': 403\n{}", input_url(), common::output_url());
    for mut report in common::reports() {
        match &mut report.data {
            ReportData::Failed(data) => {
                (data.detail, data.advice) = (detail.as_str().into(), detail.as_str().into())
            }
            ReportData::Retrying(data) => data.detail = detail.as_str().into(),
            ReportData::Dead(data) => data.detail = detail.as_str().into(),
            ReportData::Succeeded(data) => data.output = input_url().into(),
            _ => continue,
        }
        let event = report.to_event();
        let json = serde_json::to_string(&report).unwrap();
        let told = format!("{report:?} {json} {event:?} {}", String::from_utf8_lossy(&event.body));
        assert!(told.contains("redacted") && !told.contains(MARKER), "{told}");
    }
}

proptest! {
    #[test]
    fn damaged_messages_are_told_without_the_signature(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
        start in any::<prop::sample::Index>(),
    ) {
        let mut bytes = message().encode().unwrap().as_ref().to_vec();
        for (index, byte, how) in changes {
            let at = index.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        let cut = &bytes[..start.index(bytes.len())];
        for bytes in [&bytes[..], cut] {
            let told = everything_told(bytes);
            prop_assert!(!told.contains(MARKER), "{}", told);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        everything_told(&bytes);
        let events = common::reports().into_iter().map(|report| report.to_event().headers);
        events.for_each(|headers| drop(Report::from_event(&headers, &bytes)));
    }

    #[test]
    fn no_json_makes_it_panic(text in r#"(\{|\}|\[|\]|"id"|"input"|"url"|"version"|:|,|"x"|null|true|-?[0-9]{1,30}(\.[0-9]{1,3})?(e[0-9]{1,3})?){0,40}"#) {
        everything_told(text.as_bytes());
    }

    #[test]
    fn no_text_escapes_the_bounds_of_a_detail(text in ".{0,3000}", at in 0..3_000_usize) {
        let at = text.floor_char_boundary(at.min(text.len()));
        let text = format!("{}sig={MARKER} {}", &text[..at], &text[at..]);
        let detail = Detail::new(&text);
        prop_assert!(detail.as_str().len() <= valet_protocol::limits::DETAIL_BYTES_MAX);
        prop_assert!(!detail.as_str().contains(MARKER));
        prop_assert_eq!(&Detail::new(detail.as_str()), &detail, "reading a report changes no text");
        let short = valet_protocol::ShortText::new(&text);
        prop_assert_eq!(&valet_protocol::ShortText::new(short.as_str()), &short);
    }
}
