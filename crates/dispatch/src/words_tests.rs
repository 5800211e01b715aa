//! What is published, read back.

use std::collections::BTreeMap;

use valet_protocol::{Grants, Input, Limits, Output, PresetRef, Priority, ReportKind};

use super::*;

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn message() -> JobMessage {
    let grant = |path: &str, right: &str| {
        GrantUrl::new(format!(
            "https://acct.blob.core.windows.net/{path}?sv=2022-11-02&sr=b&sp={right}&se=2026-03-01T13:00:00Z&sig=c2VjcmV0"
        ))
    };
    JobMessage {
        id: "01920000-0000-7000-8000-000000000001".parse().unwrap(),
        lane: "acme".parse().unwrap(),
        grants: Grants::Open { input: grant("in/a.mov", "r"), output: grant("out/a.jpg", "c") },
        input: Input::default(),
        output: Output::default(),
        preset: PresetRef { name: "thumbnail".into(), version: 1, params: serde_json::Map::new() },
        limits: Limits::default(),
        priority: Priority::Low,
        tags: BTreeMap::from([("title".to_owned(), "42".to_owned())]),
        submitted_at: now(),
        not_after: "2026-03-01T13:00:00Z".parse().unwrap(),
        remints: 0,
        attempts_before: 0,
    }
}

fn end(reason: Reason) -> End {
    End {
        reason,
        detail: "it is so".into(),
        advice: "change it".to_owned(),
        id: Some(message().id),
        message: Some(message()),
        is_lost: false,
    }
}

fn partner() -> LaneRecord {
    LaneRecord::partner("acme".parse().unwrap(), "acme".to_owned())
}

fn name() -> WorkerName {
    WorkerName::from("dispatcher-1")
}

fn read(outgoing: &Outgoing) -> Report {
    let report = Report::from_event(&outgoing.headers, &outgoing.body).unwrap();
    assert_eq!(outgoing.routing_key, report.routing_key());
    report
}

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn a_job_keeps_its_bytes_its_priority_its_end_and_its_trace() {
    let job = job(&message(), Some(TRACE), now()).unwrap();
    assert_eq!((job.exchange.as_str(), job.routing_key.as_str()), ("jobs", "r0"));
    assert_eq!(JobMessage::decode(&job.body).unwrap(), message());
    assert_eq!((job.priority, job.expiration), (Some(1), Some(Duration::from_secs(3_600))));
    assert_eq!(job.headers, [("traceparent".to_owned(), TRACE.to_owned())]);
    assert_eq!(job.message_id, message().id.to_string());
}

#[test]
fn what_is_no_trace_goes_no_further() {
    for text in ["", "x", &TRACE.to_uppercase(), &format!("{TRACE}0"), &TRACE.replace("00-", "\r\n-")] {
        assert!(job(&message(), Some(text), now()).unwrap().headers.is_empty(), "{text}");
    }
}

#[test]
fn a_submission_names_its_blobs_and_no_signature() {
    let outgoing = submitted(&message(), 60, &name(), now());
    let ReportData::Submitted(data) = read(&outgoing).data else { panic!("{outgoing:?}") };
    assert_eq!((data.input.as_str(), data.output.as_str()), ("acct/in/a.mov", "acct/out/a.jpg"));
    assert!(!String::from_utf8_lossy(&outgoing.body).contains("c2VjcmV0"));
}

#[test]
fn an_end_is_told_by_what_can_mend_it() {
    let kind = |end: &End| read(&ended(end, &"acme".parse().unwrap(), &name(), now()).unwrap()).kind();
    assert_eq!(kind(&end(Reason::BadMessage)), ReportKind::Failed);
    assert_eq!(kind(&end(Reason::GrantExpired)), ReportKind::Expired);
    let lost = End { is_lost: true, ..end(Reason::AttemptsExhausted) };
    assert_eq!(kind(&lost), ReportKind::Dead);
    let nobody = End { id: None, message: None, ..end(Reason::BadJson) };
    assert!(ended(&nobody, &"acme".parse().unwrap(), &name(), now()).is_none());
}

#[test]
fn a_refusal_of_a_message_that_names_another_lane_is_told_to_its_own() {
    let foreign = JobMessage { lane: "zeta".parse().unwrap(), ..message() };
    let end = End { message: Some(foreign), ..end(Reason::BadMessage) };
    let outgoing = ended(&end, &"acme".parse().unwrap(), &name(), now()).unwrap();
    assert!(outgoing.routing_key.starts_with("acme."), "{outgoing:?}");
}

#[test]
fn a_letter_lies_where_somebody_looks_who_can_mend_it() {
    let body = vec![b'x'; MESSAGE_BYTES_MAX + 5];
    let given = Given { body: &body, message_id: Some("m"), user_id: Some("acme"), traceparent: Some(TRACE) };
    let key = |end: &End, record: &LaneRecord| letter(end, given, record, &name()).routing_key;
    let own = LaneRecord::own("acme".parse().unwrap(), vec!["producer".to_owned()]);
    assert_eq!(key(&end(Reason::GrantExpired), &own), "expired");
    assert_eq!(key(&end(Reason::GrantExpired), &partner()), "dead");
    assert_eq!(key(&end(Reason::BadMessage), &own), "dead");
    let letter = letter(&end(Reason::BadMessage), given, &partner(), &name());
    assert_eq!(letter.body.len(), MESSAGE_BYTES_MAX, "a beginning is enough to look at");
    let headers: BTreeMap<_, _> = letter.headers.iter().cloned().collect();
    assert_eq!(headers[amqp::REASON], "bad-message");
    assert_eq!(headers[amqp::USER_ID], "acme");
}

#[test]
fn a_letter_tells_the_lane_of_its_queue_and_not_what_its_message_claims() {
    let mut claimed = end(Reason::GrantRefused);
    let claims = JobMessage { lane: "default".parse().unwrap(), ..message() };
    let body = claims.encode().unwrap();
    claimed.message = Some(claims);
    let given = Given { body: body.as_ref(), user_id: Some("acme"), message_id: None, traceparent: None };
    let letter = letter(&claimed, given, &partner(), &name());
    let told: Vec<_> = letter.headers.iter().filter(|(name, _)| name == amqp::LANE).collect();
    assert_eq!(told, [&(amqp::LANE.to_owned(), "acme".to_owned())]);
}
