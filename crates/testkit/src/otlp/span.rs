//! A span out of OTLP's JSON, as far as tests look at it.

use std::collections::BTreeMap;

use serde_json::Value;

/// One span, with the name of the service that sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// What was done.
    pub name: String,
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// The span it is part of; `None` at the root of a trace.
    pub parent: Option<String>,
    /// `service.name` of the resource, or empty.
    pub service: String,
    /// What it says of itself; numbers and booleans as text.
    pub attributes: BTreeMap<String, String>,
    /// Whether its status says that it failed.
    pub is_error: bool,
    /// From start to end, in nanoseconds.
    pub duration_ns: u64,
}

impl Span {
    /// The attribute `key`, if it has one.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.get(key).map(String::as_str)
    }

    /// Every span of an `ExportTraceServiceRequest`, or what is wrong with one.
    pub(super) fn all_of(request: &Value) -> Result<Vec<Self>, String> {
        let mut found = Vec::new();
        for group in list(&request["resourceSpans"]) {
            let attributes = attributes(&group["resource"]["attributes"]);
            let service = attributes.get("service.name").cloned().unwrap_or_default();
            for span in list(&group["scopeSpans"]).flat_map(|scope| list(&scope["spans"])) {
                found.push(Self::parse(span, &service)?);
            }
        }
        Ok(found)
    }

    fn parse(span: &Value, service: &str) -> Result<Self, String> {
        let name = span["name"].as_str().filter(|name| !name.is_empty()).ok_or("a span has no name")?;
        let parent = span["parentSpanId"].as_str().filter(|id| !id.is_empty());
        let [start, end] = ["startTimeUnixNano", "endTimeUnixNano"].map(|key| nanoseconds(&span[key]));
        Ok(Self {
            name: name.to_owned(),
            trace_id: id(&span["traceId"], 32)?,
            span_id: id(&span["spanId"], 16)?,
            parent: parent.map(str::to_owned),
            service: service.to_owned(),
            attributes: attributes(&span["attributes"]),
            is_error: span["status"]["code"] == 2,
            duration_ns: end.saturating_sub(start),
        })
    }
}

/// OTLP writes ids in JSON as hexadecimal digits; one of zeros is none.
fn id(value: &Value, digits: usize) -> Result<String, String> {
    let text = value.as_str().unwrap_or_default();
    let is_id = text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
    if is_id && text.bytes().any(|b| b != b'0') {
        return Ok(text.to_ascii_lowercase());
    }
    Err(format!("`{text}` is no id of {digits} hexadecimal digits"))
}

/// 64-bit numbers are text in OTLP's JSON; some senders write numbers all the same.
fn nanoseconds(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).or(value.as_u64()).unwrap_or(0)
}

fn attributes(pairs: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| {
        let inner = value.as_object().and_then(|object| object.values().next()).unwrap_or(&Value::Null);
        inner.as_str().map_or_else(|| inner.to_string(), str::to_owned)
    };
    list(pairs).filter_map(|pair| Some((pair["key"].as_str()?.to_owned(), text(&pair["value"])))).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
