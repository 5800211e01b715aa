//! Any bytes as a job message and as a report's body: no panic, and what is read is written as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valet_protocol::{JobMessage, Report, ReportKind, salvage_id};

const ID: &str = "01976d2a-7f00-7abc-8def-0123456789ab";

fuzz_target!(|bytes: &[u8]| {
    let salvaged = salvage_id(bytes);
    if let Ok(message) = JobMessage::decode(bytes) {
        assert_eq!(salvaged, Some(message.id));
        // It may grow over the limit: 1e9 is written as 1000000000.0.
        if let Ok(again) = message.encode() {
            assert_eq!(JobMessage::decode(again.as_ref()), Ok(message));
        }
    }
    ReportKind::ALL.iter().for_each(|kind| report(*kind, bytes));
});

fn report(kind: ReportKind, body: &[u8]) {
    let id = format!("{ID}/1/{kind}");
    let headers = [
        ("specversion", "1.0"),
        ("id", &id),
        ("type", kind.event_type()),
        ("subject", ID),
        ("time", "2026-01-31T12:00:00Z"),
        ("lane", "default"),
        ("attempt", "1"),
        ("worker", "w"),
    ]
    .map(|(name, value)| (format!("cloudEvents:{name}"), value.to_owned()));
    if let Ok(report) = Report::from_event(&headers, body) {
        let event = report.to_event();
        assert!(event.body.len() <= valet_protocol::REPORT_BYTES_MAX);
        assert_eq!(Report::from_event(&event.headers, &event.body).as_ref(), Ok(&report));
    }
}
