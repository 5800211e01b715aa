//! `docs/wire-format.md` and `docs/partners.md` say what the code does: tables and samples are generated, examples
//! are read.

#![allow(clippy::unwrap_used)] // in the tests' own helpers too

mod common;

use std::collections::BTreeMap;

use common::{assert_file, docs};
use serde_json::Value;
use valet_protocol::{JobMessage, Reason, Report, ReportKind, amqp, limits, schema};

const PAGE: &str = "wire-format.md";

fn page() -> String {
    std::fs::read_to_string(docs(PAGE)).unwrap()
}

/// The page with everything between each pair of marks written anew.
fn renewed(page: &str) -> String {
    let (mut text, mut rest) = (String::new(), page);
    while let Some((before, after)) = rest.split_once("<!-- generated:") {
        let (name, old) = after.split_once(" -->\n").expect("a mark has a name");
        text += &format!("{before}<!-- generated:{name} -->\n{}<!-- /generated -->", section(name));
        rest = old.split_once("<!-- /generated -->").expect("a generated part ends").1;
    }
    text + rest
}

fn section(name: &str) -> String {
    match name {
        "message" => message(),
        "kinds" => kinds(),
        "data" => data(),
        "examples" => examples(),
        "reasons" => reasons(),
        "limits" => limits_table(),
        "python" => code("python", &sample("partner-python/partner.py")),
        "seal" => code("python", &function(&sample("partner-python/partner.py"), "seal")),
        "javascript" => code("javascript", &sample("partner-javascript/partner.mjs")),
        other => panic!("nothing is generated for {other}"),
    }
}

fn sample(name: &str) -> String {
    std::fs::read_to_string(docs("../examples").join(name)).unwrap()
}

fn code(language: &str, text: &str) -> String {
    assert!(!text.contains("```"));
    format!("```{language}\n{}\n```\n", text.trim_end())
}

/// One function of a Python file.
fn function(file: &str, name: &str) -> String {
    let start = file.find(&format!("def {name}(")).unwrap_or_else(|| panic!("there is no {name}"));
    let text = &file[start..];
    text.split_once("\n\n\n").map_or(text, |(function, _)| function).to_owned()
}

/// The data of one report of each kind, every field set.
fn examples() -> String {
    let example = |report: Report| {
        let data = &serde_json::to_value(&report).unwrap()["data"];
        let data = serde_json::to_string_pretty(&common::sorted(data)).unwrap();
        format!("`{}`:\n\n{}", report.kind().event_type(), code("json", &data))
    };
    common::reports().into_iter().map(example).collect::<Vec<_>>().join("\n")
}

fn rows(head: &str, rows: impl Iterator<Item = String>) -> String {
    let line = "|---".repeat(head.matches('|').count() - 1);
    format!("{head}\n{line}|\n{}", rows.map(|row| format!("{row}\n")).collect::<String>())
}

fn reasons() -> String {
    let row =
        |reason: &Reason| format!("| `{}` | {} | {} |", reason.code(), reason.meaning(), reason.advice());
    rows("| code | meaning | what to do |", Reason::ALL.iter().map(row))
}

fn kinds() -> String {
    let row = |kind: &ReportKind| {
        let end = if kind.is_final() { "yes" } else { "" };
        format!("| `{kind}` | `{}` | {} | {end} |", kind.event_type(), kind.meaning())
    };
    rows("| kind | type | it tells | final |", ReportKind::ALL.iter().map(row))
}

fn limits_table() -> String {
    let row = |limit: &limits::Limit| {
        format!("| `{}` | {} | {} | {} |", limit.name, limit.value, limit.unit, limit.reason)
    };
    rows("| limit | value | unit | what and why |", limits::TABLE.iter().map(row))
}

/// One row per field, objects of the schema's own definitions unfolded.
fn fields(root: &Value, object: &Value, prefix: &str, found: &mut Vec<String>) {
    let required: Vec<_> =
        object["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    // Sorted, whatever order the map of this build keeps.
    let properties: BTreeMap<_, _> = object["properties"].as_object().into_iter().flatten().collect();
    for (name, property) in properties {
        let target = target(root, property);
        let need = if required.contains(&name.as_str()) { "yes" } else { "" };
        let about = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        found.push(format!("| `{prefix}{name}` | {} | {need} | {about} |", shape(target)));
        fields(root, target, &format!("{prefix}{name}."), found);
    }
}

fn target<'a>(root: &'a Value, property: &'a Value) -> &'a Value {
    let reference = property["$ref"].as_str().or_else(|| property["anyOf"][0]["$ref"].as_str());
    reference.map_or(property, |reference| root.pointer(reference.trim_start_matches('#')).unwrap())
}

/// What a value looks like, in words.
fn shape(schema: &Value) -> String {
    if let Some(words) = schema["oneOf"].as_array().or_else(|| schema["enum"].as_array()) {
        return match words.len() {
            many if many > 5 => "a code, see below".to_owned(),
            _ => words
                .iter()
                .map(|word| format!("`{}`", word["const"].as_str().unwrap()))
                .collect::<Vec<_>>()
                .join(", "),
        };
    }
    let of_type = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap();
    match (of_type, &schema["const"], &schema["minimum"], &schema["maximum"], schema["maxLength"].as_u64()) {
        (_, Value::Number(number), ..) => format!("`{number}`"),
        ("integer", _, min, Value::Number(max), _) => format!("whole number, {min} to {max}"),
        ("integer", ..) => "whole number".to_owned(),
        ("string", ..) if schema["format"] == "date-time" => "RFC 3339 time".to_owned(),
        ("string", .., Some(max)) => format!("text, at most {max} bytes"),
        ("string", ..) => "text".to_owned(),
        (other, ..) => other.to_owned(),
    }
}

fn message() -> String {
    let schema = schema::job();
    let mut found = Vec::new();
    fields(&schema, &schema, "", &mut found);
    rows("| field | value | required | meaning |", found.into_iter())
}

fn data() -> String {
    let schema = schema::report();
    let kinds = schema["oneOf"].as_array().unwrap().iter();
    let table = |kind: &Value| {
        let mut found = Vec::new();
        fields(&schema, target(&schema, &kind["properties"]["data"]), "", &mut found);
        let title = kind["properties"]["type"]["const"].as_str().unwrap();
        match found.is_empty() {
            true => format!("Data of `{title}`: an empty object.\n"),
            false => {
                let head = "| field | value | always there | meaning |";
                format!("Data of `{title}`:\n\n{}", rows(head, found.into_iter()))
            }
        }
    };
    kinds.map(table).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_tables_are_those_of_the_code_and_the_samples_the_files_that_run() {
    for name in [PAGE, "partners.md"] {
        let page = std::fs::read_to_string(docs(name)).unwrap();
        assert_file(&docs(name), &renewed(&page));
    }
}

#[test]
fn every_example_is_a_message_or_a_report() {
    let page = page();
    let blocks = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let reports = jsonschema::draft202012::new(&schema::report()).unwrap();
    let (mut messages, mut events) = (0, 0);
    for block in blocks {
        let json: Value = serde_json::from_str(block).unwrap();
        if json.get("specversion").is_some() {
            assert!(reports.is_valid(&json), "{block}");
            events += 1;
        } else {
            JobMessage::decode(block.as_bytes()).unwrap_or_else(|error| panic!("{error}: {block}"));
            messages += 1;
        }
    }
    assert_eq!((messages, events), (3, 1));
}

#[test]
fn names_of_properties_and_headers_are_those_of_the_code() {
    let page = page();
    let headers = [amqp::TRACEPARENT, amqp::REASON, amqp::DETAIL, amqp::ATTEMPT, amqp::WORKER, amqp::USER_ID];
    for name in headers.into_iter().chain([amqp::CONTENT_TYPE, amqp::JOB_TYPE]) {
        assert!(page.contains(&format!("`{name}`")) || page.contains(&format!("header `{name}`")), "{name}");
    }
    for (name, _) in common::reports()[0].to_event().headers {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
}

/// The settings on the partners' page are those of the samples, and its message is one.
#[test]
fn every_example_for_partners_is_what_it_says() {
    let page = std::fs::read_to_string(docs("partners.md")).unwrap();
    let blocks = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let blocks: Vec<Value> = blocks.map(|block| serde_json::from_str(block).unwrap()).collect();
    let settings: Vec<_> = blocks.iter().filter(|block| block.get("broker_url").is_some()).collect();
    for name in ["partner-python/partner.json", "partner-javascript/partner.json"] {
        let file: Value = serde_json::from_str(&sample(name)).unwrap();
        assert_eq!(settings, [&file], "{name}");
    }
    let is_open = |block: &&Value| block.get("submitted_at").is_some() && block["input"].get("url").is_some();
    let messages: Vec<_> = blocks.iter().filter(is_open).collect();
    assert_eq!(messages.len(), 1);
    JobMessage::decode(messages[0].to_string().as_bytes()).unwrap();
    assert_eq!(
        blocks.len(),
        settings.len() + messages.len() + ReportKind::ALL.len() + 1,
        "and one sealed message"
    );
}
