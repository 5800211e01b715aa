//! `docs/schema/asyncapi.json` is made from the types, every reference in it leads somewhere, and its examples keep to
//! the schemas that it names. `VALET_BLESS=1` writes it anew.

#![allow(clippy::unwrap_used)] // in the tests' own helpers too

mod common;

use common::{assert_file, docs, reports, sorted};
use serde_json::{Value, json};
use valet_protocol::{Report, ReportKind, asyncapi, schema};

/// Reports as a partner sees them.
fn examples() -> Vec<Report> {
    let of_partner =
        |report: Report| Report { lane: "acme".parse().unwrap(), attempt: 1, redelivery: 0, ..report };
    reports().into_iter().map(of_partner).collect()
}

fn document() -> Value {
    asyncapi::document(&examples())
}

/// Every `$ref` below `value`.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(String::from));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn the_checked_in_document_is_that_of_the_types() {
    let text = format!("{}\n", serde_json::to_string_pretty(&sorted(&document())).unwrap());
    assert_file(&docs("schema/asyncapi.json"), &text);
}

#[test]
fn every_reference_leads_to_a_part_of_the_document_or_of_a_schema() {
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    for reference in &found {
        let (file, pointer) = reference.split_once('#').unwrap_or((reference.as_str(), ""));
        let target = match file {
            "" => document.clone(),
            name => {
                serde_json::from_str(&std::fs::read_to_string(docs("schema").join(name)).unwrap()).unwrap()
            }
        };
        assert!(target.pointer(pointer).is_some(), "{reference}");
    }
    // Three lanes' jobs and one of each report in the channels, and what those messages refer to.
    assert!(found.len() > 3 + 3 * ReportKind::ALL.len(), "{found:?}");
}

#[test]
fn every_kind_has_a_message_whose_example_keeps_to_its_schema() {
    let document = document();
    let whole = jsonschema::draft202012::new(&schema::report()).unwrap();
    for kind in ReportKind::ALL {
        let message = &document["components"]["messages"][kind.word()];
        let example = &message["examples"][0];
        let mut event = json!({ "datacontenttype": message["contentType"], "data": example["payload"] });
        for (name, value) in example["headers"].as_object().unwrap() {
            let attribute = name.strip_prefix("cloudEvents:").unwrap();
            let known = &document["components"]["schemas"]["reportHeaders"]["properties"][name];
            assert_eq!(known["type"], "string", "{kind}: {name}");
            // Numbers are texts in headers, and numbers in the JSON format.
            event[attribute] = match attribute {
                "attempt" => value.as_str().unwrap().parse::<u32>().unwrap().into(),
                _ => value.clone(),
            };
        }
        let problems: Vec<_> = whole.iter_errors(&event).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{kind}: {problems:#?} in {event:#}");
        assert!(document["channels"]["reports"]["messages"].get(kind.word()).is_some(), "{kind}");
    }
}

#[test]
fn the_headers_are_those_of_a_report() {
    let document = document();
    let headers = &document["components"]["schemas"]["reportHeaders"];
    for report in reports() {
        for (name, _) in report.to_event().headers {
            assert!(headers["properties"].get(&name).is_some(), "{name}");
        }
    }
    let first = examples()[0].to_event().headers;
    let required: Vec<&str> =
        headers["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(first.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), required);
}
