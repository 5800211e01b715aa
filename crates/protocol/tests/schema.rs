//! The checked-in schemas are those of the types, and say about documents what the code says.

#![allow(clippy::unwrap_used)] // in the tests' own helpers too

mod common;

use common::{assert_file, docs, golden, message_json, reports, sealed_json, sorted};
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};
use valet_protocol::{JobMessage, schema};

fn validator(schema: &Value) -> Validator {
    jsonschema::draft202012::new(schema).unwrap()
}

fn assert_valid(validator: &Validator, document: &Value) {
    let problems: Vec<_> = validator.iter_errors(document).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{problems:#?} in {document:#}");
}

#[test]
fn the_checked_in_schemas_are_those_of_the_types() {
    for (name, schema) in [("job.v1", schema::job()), ("report.v1", schema::report())] {
        let text = format!("{}\n", serde_json::to_string_pretty(&sorted(&schema)).unwrap());
        assert_file(&docs(&format!("schema/{name}.schema.json")), &text);
    }
}

#[test]
fn the_schemas_are_valid_and_so_are_their_examples() {
    for schema in [schema::job(), schema::report()] {
        jsonschema::meta::validate(&schema).unwrap();
        let examples = schema["examples"].as_array().unwrap().clone();
        assert!(!examples.is_empty());
        examples.iter().for_each(|example| assert_valid(&validator(&schema), example));
    }
    let example = schema::job()["examples"][0].to_string();
    JobMessage::decode(example.as_bytes()).unwrap();
}

#[test]
fn golden_messages_and_every_report_are_valid() {
    let jobs = validator(&schema::job());
    for name in ["full", "plain", "sealed", "spelt-short", "spelt-null"] {
        let bytes = std::fs::read(golden(&format!("message-{name}.json"))).unwrap();
        assert_valid(&jobs, &serde_json::from_slice(&bytes).unwrap());
    }
    let events = validator(&schema::report());
    reports().iter().for_each(|report| assert_valid(&events, &serde_json::to_value(report).unwrap()));
}

#[test]
fn a_report_with_the_data_of_another_kind_is_not_valid() {
    let mut document = serde_json::to_value(&reports()[1]).unwrap();
    document["type"] = "valet.job.failed".into();
    assert!(!validator(&schema::report()).is_valid(&document));
}

#[test]
fn what_the_code_refuses_the_schema_refuses() {
    let jobs = validator(&schema::job());
    for (pointer, wrong) in [
        ("/id", json!("x")),
        ("/version", json!(2)),
        ("/lane", json!("A")),
        ("/surprise", json!(1)),
        ("/input/surprise", json!(1)),
        ("/input/url", json!("")),
        ("/input/etag", json!("x")),
        ("/output/content_type", json!("x")),
        ("/output/content_type", json!("https://a/b?c")),
        ("/preset/name", json!("A")),
        ("/preset/version", json!(0)),
        ("/preset/params/crf", json!([])),
        ("/preset/params/crf", json!("a".repeat(257))),
        ("/preset/params/crf", json!(null)),
        ("/limits/wall_seconds", json!(86_401)),
        ("/limits/input_bytes", json!(0)),
        ("/priority", json!("urgent")),
        ("/tags/title", json!("a".repeat(257))),
        ("/tags/title", json!("\n")),
        ("/tags/", json!("an empty key")),
        ("/submitted_at", json!("yesterday")),
        ("/not_after", json!(0)),
    ] {
        let mut document = message_json();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(name.to_owned(), wrong);
        assert!(JobMessage::decode(document.to_string().as_bytes()).is_err(), "{pointer}");
        assert!(!jobs.is_valid(&document), "{pointer} of {document}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        (-1.0e9..1.0e9).prop_map(Value::from),
        (0..5_u8).prop_map(Value::from),
        "[ -~]{0,70}".prop_map(Value::from),
        "[a-z0-9-]{1,40}".prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "\"[!-~]{0,20}\"".prop_map(Value::from),
        "[a-z]{1,5}/[a-z]{1,5}(; ?[a-z]=[a-z])?".prop_map(Value::from),
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|\\+01:00)"
            .prop_map(Value::from),
        prop::collection::btree_map("[ -~]{0,70}", "[ -~]{0,20}", 0..4).prop_map(|map| json!(map)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Nobody who follows the schema's word about refusals loses a message that we would take; and
    /// what we take, we write as the same message.
    #[test]
    fn what_the_code_accepts_the_schema_accepts_and_it_comes_back(
        pointer in prop::sample::select(vec![
            "/lane", "/input", "/input/url", "/sealed", "/input/etag", "/output/content_type", "/output/url", "/preset/name", "/preset/version",
            "/preset/params", "/preset/params/crf", "/limits", "/limits/wall_seconds", "/limits/input_bytes",
            "/priority", "/tags", "/tags/title", "/submitted_at", "/not_after", "/id", "/version",
        ]),
        value in any_value(),
        sealed in any::<bool>(),
    ) {
        thread_local!(static JOBS: Validator = validator(&schema::job()));
        let mut document = if sealed { sealed_json() } else { message_json() };
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = document.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        parent.insert(name.to_owned(), value);
        if let Ok(message) = JobMessage::decode(document.to_string().as_bytes()) {
            JOBS.with(|jobs| assert_valid(jobs, &document));
            let bytes = message.encode().unwrap();
            prop_assert_eq!(JobMessage::decode(bytes.as_ref()).unwrap(), message);
        }
    }
}
