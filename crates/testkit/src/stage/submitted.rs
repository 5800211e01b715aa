//! What the producer says about a job that it submitted, for jobs that a test puts on the broker itself: without it
//! nothing is minted anew. Must never say more than the job's message does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Stage;

impl Stage<'_> {
    /// Says that the job of this message was submitted.
    ///
    /// # Panics
    /// When the broker refuses, or no queue takes it.
    pub fn tell_submitted(&self, message: &Value) {
        assert_eq!(self.try_tell_submitted(message), Ok(true), "is it routed?");
    }

    /// [`Stage::tell_submitted`], and whether a queue took it.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses.
    pub fn try_tell_submitted(&self, message: &Value) -> Result<bool, String> {
        let (id, lane) = (text(message, "/id"), text(message, "/lane"));
        let data = json!({
            "preset": message["preset"]["name"],
            "version": message["preset"]["version"],
            "input": blob(text(message, "/input/url")),
            "output": blob(text(message, "/output/url")),
            "priority": message["priority"],
            "submitted_at": message["submitted_at"],
            "not_after": message["not_after"],
            "wall_seconds": message["limits"]["wall_seconds"],
            "remints": message["remints"].as_u64().unwrap_or_default(),
        });
        let headers = json!({
            "cloudEvents:specversion": "1.0",
            "cloudEvents:id": format!("{id}/1/submitted"),
            "cloudEvents:source": "/valet/producers/test",
            "cloudEvents:type": "valet.job.submitted",
            "cloudEvents:subject": id,
            "cloudEvents:time": message["submitted_at"],
            "cloudEvents:lane": lane,
            "cloudEvents:attempt": "1",
            "cloudEvents:worker": "test",
        });
        let path = format!("/api/exchanges/{}/events/publish", self.vhost.name());
        let report = json!({
            "properties": {
                "type": "valet.job.submitted", "content_type": "application/json", "delivery_mode": 2,
                "message_id": format!("{id}/1/submitted"), "headers": headers,
            },
            "routing_key": format!("{lane}.{id}.submitted"),
            "payload": STANDARD.encode(data.to_string()),
            "payload_encoding": "base64",
        });
        match self.broker.try_api("POST", &path, Some(report))? {
            (200, answer) => Ok(answer["routed"] == true),
            (status, answer) => Err(format!("{status} {answer}")),
        }
    }
}

fn text<'a>(message: &'a Value, pointer: &str) -> &'a str {
    message.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in the message"))
}

/// `account/container/blob` of a URL that names the account in its path.
fn blob(url: &str) -> &str {
    let (_, below) =
        url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).expect("an absolute URL");
    below.split('?').next().unwrap_or(below)
}
