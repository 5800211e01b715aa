//! What only somebody behind the scenes sees: raw messages in queues, the passwords of logins, and a bare AMQP
//! client, which is what a thief of a login would use. Never what a promise to users may rest on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lapin::{Channel, Connection, ConnectionProperties};
use serde_json::{Value, json};
use valet_testkit::wait_for;

use crate::stage::{COMMAND_TIMEOUT, Stage};

/// Most messages that one look at a queue shows.
const LOOK_MAX: u32 = 5_000;

/// Looks at the messages of a queue and leaves them there: `properties` and `body` (text) of each.
pub(crate) fn look(stage: &Stage<'_>, queue: &str) -> Vec<Value> {
    let path = format!("/api/queues/{}/{queue}/get", stage.vhost.name());
    let order = json!({ "count": LOOK_MAX, "ackmode": "ack_requeue_true", "encoding": "base64" });
    let answer = stage.broker.api("POST", &path, Some(order));
    let messages = answer.as_array().cloned().unwrap_or_default();
    messages.into_iter().map(decoded).collect()
}

/// Looks at a queue once it holds `count` messages.
#[track_caller]
pub(crate) fn look_for(stage: &Stage<'_>, queue: &str, count: u64) -> Vec<Value> {
    wait_for_depth(stage, queue, count);
    let messages = look(stage, queue);
    assert_eq!(messages.len() as u64, count, "{queue}: {messages:?}");
    messages
}

/// Waits until a queue holds `count` messages. The broker counts anew every few seconds only.
#[track_caller]
pub(crate) fn wait_for_depth(stage: &Stage<'_>, queue: &str, count: u64) {
    wait_for(&format!("{count} messages in {queue}"), COMMAND_TIMEOUT, || {
        if stage.vhost.queue_depth(queue) == Some(count) { Ok(()) } else { Err(stage.vhost.queue_depths()) }
    });
}

/// Binds a queue of one's own to all reports, so that their bytes can be looked at.
pub(crate) fn tap_reports(stage: &Stage<'_>, queue: &str) {
    let vhost = stage.vhost.name();
    stage.broker.api("PUT", &format!("/api/queues/{vhost}/{queue}"), Some(json!({ "durable": true })));
    let path = format!("/api/bindings/{vhost}/e/events/q/{queue}");
    stage.broker.api("POST", &path, Some(json!({ "routing_key": "#" })));
}

/// The signed URLs, input and output, of a job message.
pub(crate) fn urls(message: &Value) -> [String; 2] {
    let body = message["body"].as_str().expect("a body");
    let body: Value = serde_json::from_str(body).expect("a job message is JSON");
    ["input", "output"].map(|side| body[side]["url"].as_str().expect("a URL").to_owned())
}

/// Name and password of a login that `valet topology declare` made.
pub(crate) fn login(stage: &Stage<'_>, role: &str) -> (String, String) {
    let text = std::fs::read_to_string(stage.login(role)).expect("the login's file");
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('='));
        line.expect("name and password stand in the file").trim().trim_matches('"').to_owned()
    };
    (value("username"), value("password"))
}

/// A connection with a role's login.
pub(crate) async fn connect(stage: &Stage<'_>, role: &str) -> Connection {
    let (name, password) = login(stage, role);
    let address = stage.vhost.amqp_url();
    let url = format!("amqp://{name}:{password}@{}", address.trim_start_matches("amqp://"));
    Connection::connect(&url, ConnectionProperties::default()).await.expect("the login itself is good")
}

/// A fresh channel: a refusal closes the one it came on.
pub(crate) async fn channel(connection: &Connection) -> Channel {
    connection.create_channel().await.expect("channels are free")
}

fn decoded(message: Value) -> Value {
    let payload = message["payload"].as_str().unwrap_or_default();
    let bytes = STANDARD.decode(payload).expect("the payload was asked for in base64");
    json!({ "properties": message["properties"], "body": String::from_utf8_lossy(&bytes) })
}

/// `succeeded` of `valet.job.succeeded`.
pub(crate) fn kind(report: &Value) -> &str {
    report["type"].as_str().and_then(|kind| kind.rsplit('.').next()).unwrap_or_default()
}
