//! The AsyncAPI document is one by AsyncAPI's own JSON Schema, which `cargo xtask setup` brings.

use jsonschema::Validator;
use serde_json::{Value, json};
use valet_testkit::workspace;

const SCHEMA: &str = "tools/azurite/node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json";
const DOCUMENT: &str = "docs/schema/asyncapi.json";

fn read(name: &str) -> Value {
    let path = workspace::root().join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str(&text).expect("JSON")
}

fn validator() -> Validator {
    jsonschema::draft7::new(&read(SCHEMA)).expect("AsyncAPI's schema is one")
}

#[test]
fn the_document_is_asyncapi() {
    let document = read(DOCUMENT);
    let schema = validator();
    let problems: Vec<_> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

/// The test above would see nothing if the schema took everything.
#[test]
fn what_asyncapi_does_not_know_is_refused() {
    let schema = validator();
    for (pointer, wrong) in [
        ("/asyncapi", json!("2.6.0")),
        ("/operations/submit/action", json!("publish")),
        ("/channels/reports/address", json!(7)),
        ("/channels/reports/bindings/amqp/is", json!("stream")),
        ("/servers/broker/protocol", json!(null)),
    ] {
        let mut document = read(DOCUMENT);
        *document.pointer_mut(pointer).unwrap_or_else(|| panic!("there is no {pointer}")) = wrong;
        assert!(!schema.is_valid(&document), "{pointer}");
    }
}
