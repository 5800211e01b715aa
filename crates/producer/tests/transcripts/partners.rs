//! `valet partner validate`: what Valet would say about a message before it is sent.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use valet_protocol::{Lane, LaneRecord};

use crate::harness::valet;

/// Of the input and of the output.
const SIGNATURES: [&str; 2] =
    ["c2lnbmF0dXJlLXRoYXQtbXVzdC1ub3QtYmUtc2VlbiE%3D", "c2lnbmF0dXJlLXRoYXQtbXVzdC1ub3QtYmUtc2VlbiI%3D"];

fn instant(minutes: i64) -> String {
    let time = Timestamp::now() + SignedDuration::from_mins(minutes);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn url(container: &str, right: &str) -> String {
    let (start, expiry) = (instant(-15), instant(360));
    let signature = SIGNATURES[usize::from(right == "c")];
    format!(
        "https://acmemedia.blob.core.windows.net/{container}/a.mov?sv=2022-11-02&sr=b&sp={right}&st={start}&se={expiry}\
         &spr=https&sig={signature}"
    )
}

fn acme() -> Lane {
    "acme".parse().expect("a lane")
}

/// A message of the lane acme that has nothing wrong with it.
fn message() -> Value {
    json!({
        "version": 1,
        "id": "01976d2a-7f00-7abc-8def-0123456789ab",
        "lane": "acme",
        "input": { "url": url("media-in", "r"), "etag": "\"0x8DCB1A2B3C4D5E6\"" },
        "output": { "url": url("media-out", "c") },
        "preset": { "name": "h264-720p", "version": 1, "params": { "crf": 23 } },
        "submitted_at": instant(0),
        "not_after": instant(360),
    })
}

/// What `validate` says about a message, as JSON.
fn told(message: &Value, options: &str, code: i32) -> Value {
    under(&LaneRecord::partner(acme(), "acme".to_owned()), message, options, code)
}

/// The same with the lane's record in the file `lane.json`.
fn under(record: &LaneRecord, message: &Value, options: &str, code: i32) -> Value {
    let verb = format!("partner validate - --json {options}");
    let record = String::from_utf8(record.encode().expect("a record")).expect("JSON");
    let said = valet(&verb).file("lane.json", &record).stdin(&message.to_string()).finish().expect_code(code);
    assert!(
        !said.stdout.contains("c2lnbmF0dXJl") && !said.stderr.contains("c2lnbmF0dXJl"),
        "{}",
        said.stdout
    );
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {}", said.stdout))
}

fn answer<'a>(told: &'a Value, rule: &str) -> &'a Value {
    let rules = told["rules"].as_array().expect("rules");
    let found: Vec<_> = rules.iter().filter(|judged| judged["rule"] == rule).collect();
    assert_eq!(found.len(), 1, "{rule} once: {told:#}");
    &found[0]["answer"]
}

#[test]
fn a_sound_message_keeps_every_rule_and_each_is_named() {
    let told = told(&message(), "", 0);
    assert_eq!((&told["accepted"], &told["lane"]), (&true.into(), &"acme".into()), "{told:#}");
    for number in 1..=21 {
        let rule = format!("SAS{number:03}");
        let answer = answer(&told, &rule);
        assert!(answer == "kept" || answer == "noted", "{rule}: {told:#}");
    }
    for rule in ["size", "schema", "publisher", "lane", "priority", "preset", "parameter", "limit", "time"] {
        assert_eq!(answer(&told, rule), "kept", "{rule}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_what_to_change() {
    let mut wrong = message();
    wrong["input"]["url"] = url("media-in", "rwd").into();
    wrong["output"]["url"] = url("media-out", "c").replace("sr=b", "sr=c").into();
    wrong["preset"]["params"]["crf"] = 99.into();
    let told = told(&wrong, "--login somebody --priority high", 65);
    assert_eq!(told["accepted"], false);
    for rule in ["SAS004", "SAS002", "parameter", "priority", "publisher"] {
        assert_eq!(answer(&told, rule), "refused", "{rule}: {told:#}");
    }
    let findings =
        told["rules"].as_array().into_iter().flatten().filter_map(|rule| rule["findings"].as_array());
    for finding in findings.flatten() {
        assert!(finding["what"].as_str().is_some_and(|text| !text.is_empty()), "{finding}");
        assert!(finding["change"].as_str().is_some_and(|text| !text.is_empty()), "{finding}");
    }
}

#[test]
fn a_lanes_own_record_narrows_what_is_taken() {
    let record = LaneRecord { sealed_only: true, ..LaneRecord::partner(acme(), "acme-login".to_owned()) };
    let narrow = under(&record, &message(), "--lane-record lane.json", 65);
    assert_eq!(
        (answer(&narrow, "sealed"), answer(&narrow, "publisher")),
        (&"refused".into(), &"kept".into())
    );
    let other = under(&record, &message(), "--lane-record lane.json --login acme", 65);
    assert_eq!(answer(&other, "publisher"), "refused", "{other:#}");
}

/// Its times are long past; the audit has nothing to say of what it cannot see.
#[test]
fn sealed_grants_are_not_judged_and_that_is_said() {
    let sealed = include_str!("../../../protocol/tests/golden/message-sealed.json");
    let told = told(&serde_json::from_str(sealed).expect("JSON"), "", 65);
    assert_eq!(answer(&told, "SAS001"), "not-judged", "{told:#}");
    assert_eq!(answer(&told, "time"), "refused", "{told:#}");
}

#[test]
fn what_is_no_message_is_explained() {
    valet("partner validate -")
        .stdin("{ \"version\": 1, \"colour\": \"red\" }")
        .golden("partner-validate-no-message");
    valet("partner validate no-such-file.json").golden("partner-validate-no-file");
}
