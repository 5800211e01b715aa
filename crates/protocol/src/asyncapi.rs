//! The AsyncAPI 3 document of a partner's program: what it sends to its lane and what it receives from there.
//! Must never repeat a schema: bodies are references to `docs/schema`, whose files a test keeps equal to the types.

use serde_json::{Value, json};

use crate::amqp::{CONTENT_TYPE, DELIVERY_MODE, JOB_TYPE};
use crate::report::ReportKind;
use crate::{Report, schema};

/// Version of AsyncAPI's binding for AMQP 0-9-1.
const BINDING: &str = "0.3.0";
/// What [`schema::job`] is written to, beside the document.
const JOB_SCHEMA: &str = "./job.v1.schema.json";
/// What [`schema::report`] is written to, beside the document.
const REPORT_SCHEMA: &str = "./report.v1.schema.json";

/// The document. `examples` are reports to show, at most one of each kind.
pub fn document(examples: &[Report]) -> Value {
    json!({
        "asyncapi": "3.0.0",
        "id": "urn:valet:asyncapi:partner:v1",
        "info": info(),
        "defaultContentType": CONTENT_TYPE,
        "servers": { "broker": server() },
        "channels": channels(),
        "operations": operations(),
        "components": {
            "securitySchemes": {
                "password": { "type": "userPassword", "description": "The broker login of the lane." },
                "certificate": { "type": "X509", "description": "A client certificate, where the operator gives them." },
            },
            "schemas": { "reportHeaders": report_headers() },
            "messages": messages(examples),
        },
    })
}

fn info() -> Value {
    json!({
        "title": "Valet, for partners",
        "version": "1.0.0",
        "description": "What a partner's program sends to its lane of Valet and receives from there: it mints two SAS \
            for blobs of its own storage account, sends one message a job, and follows the reports. \
            docs/partners.md is the guide, docs/wire-format.md the format.",
        "license": { "name": "Apache-2.0" },
    })
}

fn server() -> Value {
    json!({
        "host": "{host}:{port}",
        "pathname": "/{vhost}",
        "protocol": "amqps",
        "protocolVersion": "0.9.1",
        "description": "RabbitMQ, over TLS. The operator gives address, login and certificate authority.",
        "variables": {
            "host": { "description": "The broker's name, as its certificate has it." },
            "port": { "default": "5671", "description": "5671 is usual for TLS." },
            "vhost": { "default": "%2F", "description": "The virtual host, percent-encoded." },
        },
        "security": [
            { "$ref": "#/components/securitySchemes/password" },
            { "$ref": "#/components/securitySchemes/certificate" },
        ],
    })
}

/// Jobs: channel, address and priority. Which exchange a job goes through is its priority.
fn lanes() -> [(&'static str, &'static str, &'static str); 3] {
    [
        ("jobs", "in.{lane}", "normal"),
        ("jobsLow", "in.{lane}.low", "low"),
        ("jobsHigh", "in.{lane}.high", "high"),
    ]
}

fn channels() -> Value {
    let jobs = lanes().map(|(name, address, priority)| (name.to_owned(), jobs(address, priority)));
    let mut channels: serde_json::Map<String, Value> = jobs.into_iter().collect();
    channels.insert("reports".to_owned(), reports());
    channels.into()
}

fn jobs(address: &str, priority: &str) -> Value {
    let only = match priority {
        "high" => " Lanes whose priority ceiling is below high lack it.",
        _ => "",
    };
    json!({
        "address": address,
        "title": format!("Jobs of {priority} priority"),
        "description": format!("A fanout exchange before a bounded queue: the routing key means nothing, and a full \
            queue answers with a nack. The message's `priority` is `{priority}`.{only}"),
        "parameters": lane_parameter(),
        "messages": { "job": { "$ref": "#/components/messages/job" } },
        "bindings": { "amqp": {
            "is": "routingKey",
            "exchange": { "name": address, "type": "fanout", "durable": true, "autoDelete": false },
            "bindingVersion": BINDING,
        }},
    })
}

fn reports() -> Value {
    let address = "events.{lane}";
    let all = ReportKind::ALL.iter().map(|kind| (kind.word().to_owned(), reference(kind.word())));
    json!({
        "address": address,
        "title": "Reports",
        "description": "A bounded quorum queue with every report of the lane. It drops its oldest reports when \
            nobody reads it, and what is older than seven days.",
        "parameters": lane_parameter(),
        "messages": all.collect::<serde_json::Map<_, _>>(),
        "bindings": { "amqp": {
            "is": "queue",
            "queue": { "name": address, "durable": true, "exclusive": false, "autoDelete": false },
            "bindingVersion": BINDING,
        }},
    })
}

fn reference(message: &str) -> Value {
    json!({ "$ref": format!("#/components/messages/{message}") })
}

fn lane_parameter() -> Value {
    let description =
        "Name of the lane that the operator has given: 1 to 40 characters out of a-z, 0-9 and `-`.";
    json!({ "lane": { "description": description, "examples": ["acme"] } })
}

fn operations() -> Value {
    let send = |(name, _, priority): (&str, &str, &str)| {
        let operation = json!({
            "action": "send",
            "channel": { "$ref": format!("#/channels/{name}") },
            "title": format!("Submit a job of {priority} priority"),
            "description": "Publish with confirms. Only an ack without a return counts; a nack says that the lane is \
                full. `userId` is the login, `expiration` the whole milliseconds until `not_after`.",
            "bindings": { "amqp": {
                "deliveryMode": DELIVERY_MODE,
                "mandatory": true,
                "timestamp": true,
                "bindingVersion": BINDING,
            }},
        });
        let name = format!("submit{}", name.trim_start_matches("jobs"));
        (name, operation)
    };
    let mut operations: serde_json::Map<String, Value> = lanes().into_iter().map(send).collect();
    let follow = json!({
        "action": "receive",
        "channel": { "$ref": "#/channels/reports" },
        "title": "Follow the reports",
        "description": "Acknowledge each. A report may come twice; equal `cloudEvents:id` tell the same thing.",
        "bindings": { "amqp": { "ack": true, "bindingVersion": BINDING } },
    });
    operations.insert("follow".to_owned(), follow);
    operations.into()
}

fn messages(examples: &[Report]) -> Value {
    let all = ReportKind::ALL.iter().map(|kind| (kind.word().to_owned(), report(*kind, examples)));
    let mut messages: serde_json::Map<String, Value> = all.collect();
    messages.insert("job".to_owned(), job());
    messages.into()
}

fn job() -> Value {
    json!({
        "name": JOB_TYPE,
        "title": "A job",
        "summary": "Read one blob, run one preset, create one blob.",
        "contentType": CONTENT_TYPE,
        "headers": {
            "type": "object",
            "properties": { "traceparent": { "type": "string", "description": "W3C trace context; may be absent." } },
        },
        "payload": { "$ref": JOB_SCHEMA },
        "correlationId": { "location": "$message.payload#/id", "description": "The job's id, also the AMQP message_id." },
        "bindings": { "amqp": { "messageType": JOB_TYPE, "bindingVersion": BINDING } },
        "examples": [{ "name": "full", "payload": schema::job()["examples"][0] }],
    })
}

fn report(kind: ReportKind, examples: &[Report]) -> Value {
    let mut message = json!({
        "name": kind.event_type(),
        "title": format!("Report: {kind}"),
        "summary": kind.meaning(),
        "contentType": CONTENT_TYPE,
        "headers": { "allOf": [
            { "$ref": "#/components/schemas/reportHeaders" },
            { "type": "object", "properties": { "cloudEvents:type": { "const": kind.event_type() } } },
        ]},
        "payload": { "$ref": format!("{REPORT_SCHEMA}{}", data_pointer(kind)) },
        "correlationId": { "location": "$message.header#/cloudEvents:subject", "description": "The job's id." },
        "bindings": { "amqp": { "bindingVersion": BINDING } },
    });
    if let Some(example) = examples.iter().find(|report| report.kind() == kind) {
        message["examples"] = json!([shown(example)]);
    }
    message
}

/// Where the report's schema has the data of `kind`: `#/$defs/Failed`.
fn data_pointer(kind: ReportKind) -> String {
    let schema = schema::report();
    let of_kind = |branch: &&Value| branch["properties"]["type"]["const"] == kind.event_type();
    let branch = schema["oneOf"].as_array().into_iter().flatten().find(of_kind);
    let pointer = branch.and_then(|branch| branch["properties"]["data"]["$ref"].as_str());
    pointer.expect("the schema has each kind's data by reference; a test reads them all").to_owned()
}

/// A report as it is on the wire.
fn shown(report: &Report) -> Value {
    let event = report.to_event();
    let headers: serde_json::Map<_, _> =
        event.headers.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    let payload: Value = serde_json::from_slice(&event.body).expect("a report's body is JSON");
    json!({ "name": report.kind().word(), "headers": headers, "payload": payload })
}

/// CloudEvents' attributes as AMQP headers, all of them texts.
fn report_headers() -> Value {
    const ATTRIBUTES: [(&str, &str); 10] = [
        ("specversion", "`1.0`"),
        ("id", "Equal ids tell the same thing: drop the second."),
        ("source", "`/valet/workers/<worker>` and the like."),
        ("type", "`valet.job.<kind>`"),
        ("subject", "The job's id."),
        ("time", "RFC 3339, by the reporter's clock."),
        ("lane", "The job's lane."),
        ("attempt", "From 1, over all grants of the job."),
        ("worker", "Who says so."),
        ("redelivery", "How often the broker has given this attempt out before; absent the first time."),
    ];
    let property = |(name, description): (&str, &str)| {
        (format!("cloudEvents:{name}"), json!({ "type": "string", "description": description }))
    };
    let required: Vec<String> = ATTRIBUTES
        .into_iter()
        .map(|(name, _)| format!("cloudEvents:{name}"))
        .filter(|name| name != "cloudEvents:redelivery")
        .collect();
    json!({
        "type": "object",
        "properties": ATTRIBUTES.into_iter().map(property).collect::<serde_json::Map<_, _>>(),
        "required": required,
    })
}
