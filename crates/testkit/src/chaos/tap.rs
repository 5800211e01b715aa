//! A queue beside `jobs.r0` that sees every job message, so that a message can come twice. For duplicates only:
//! what is in it holds grants.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::injury::Tapped;
use crate::stage::Stage;

const QUEUE: &str = "chaos.tap";

/// Binds it; before the first job.
pub(super) fn open(stage: &Stage<'_>) {
    let vhost = stage.vhost.name();
    stage.broker.api("PUT", &format!("/api/queues/{vhost}/{QUEUE}"), Some(json!({ "durable": true })));
    let path = format!("/api/bindings/{vhost}/e/jobs/q/{QUEUE}");
    stage.broker.api("POST", &path, Some(json!({ "routing_key": "r0" })));
}

/// Takes so many messages out, or as many as there are.
pub(super) fn take(stage: &Stage<'_>, count: usize) -> Result<Vec<Tapped>, String> {
    let path = format!("/api/queues/{}/{QUEUE}/get", stage.vhost.name());
    let order = json!({ "count": count, "ackmode": "ack_requeue_false", "encoding": "base64" });
    match stage.broker.try_api("POST", &path, Some(order))? {
        (200, messages) => Ok(messages.as_array().into_iter().flatten().map(tapped).collect()),
        (status, answer) => Err(format!("{status} {answer}")),
    }
}

/// Removes it with all that is in it.
pub(super) fn close(stage: &Stage<'_>) {
    stage.broker.api("DELETE", &format!("/api/queues/{}/{QUEUE}", stage.vhost.name()), None);
}

fn tapped(message: &Value) -> Tapped {
    let payload = message["payload"].as_str().unwrap_or_default();
    Tapped::new(message, STANDARD.decode(payload).ok())
}
