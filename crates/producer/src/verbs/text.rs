//! How things look that several verbs print.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use valet_protocol::JobMessage;

use crate::batch::{JobPlan, Place};
use crate::failure::Failure;
use crate::follow::{JobState, Phase};
use crate::output::{human_bytes, safe};

/// One bad line on standard error.
pub(super) fn complain(place: Place, failure: &Failure, json: bool) {
    if json {
        let mut value = failure.to_json();
        value["error"]["place"] = json!(place.to_string());
        eprintln!("{value}");
        return;
    }
    let text = failure.to_string();
    eprintln!("{place}: {}", text.strip_prefix("valet: ").unwrap_or(&text));
}

/// A job that would be enqueued.
#[derive(Debug, Serialize)]
pub(super) struct Preview<'a> {
    id: String,
    input: Side<'a>,
    output: Side<'a>,
    preset: &'a str,
    version: u32,
    params: &'a serde_json::Map<String, serde_json::Value>,
    priority: valet_protocol::Priority,
    tags: &'a std::collections::BTreeMap<String, String>,
    wall_seconds: u32,
    limits: &'a valet_protocol::Limits,
    not_after: Timestamp,
}

#[derive(Debug, Serialize)]
struct Side<'a> {
    blob: &'a str,
    /// Serializes redacted, by its type.
    grant: &'a valet_grant::GrantUrl,
}

impl<'a> Preview<'a> {
    pub(super) fn of(plan: &'a JobPlan, message: &'a JobMessage) -> Self {
        Self {
            id: plan.id.to_string(),
            input: Side { blob: plan.input.as_str(), grant: &message.input.url },
            output: Side { blob: plan.output.as_str(), grant: &message.output.url },
            preset: &plan.preset,
            version: plan.version,
            params: &plan.params,
            priority: plan.priority,
            tags: &plan.tags,
            wall_seconds: plan.wall_seconds,
            limits: &plan.limits,
            not_after: message.not_after,
        }
    }

    pub(super) fn text(&self) -> String {
        format!(
            "{}  {}@{}  {} -> {}\n  read    {}\n  create  {}{}\n  of use until {:.0}, then {} s are left for the work",
            self.id,
            self.preset,
            self.version,
            safe(self.input.blob),
            safe(self.output.blob),
            self.input.grant,
            self.output.grant,
            limits_line(self.limits),
            self.not_after,
            self.wall_seconds,
        )
    }
}

/// The limits that a job sets, as `--limit` takes them, on a line of their own.
fn limits_line(limits: &valet_protocol::Limits) -> String {
    let Ok(serde_json::Value::Object(set)) = serde_json::to_value(limits) else { return String::new() };
    let set: Vec<_> = set.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if set.is_empty() { String::new() } else { format!("\n  limits  {}", set.join(" ")) }
}

/// One job's state in a line, and what to do below it if there is something to do.
pub(super) fn state(state: &JobState) -> String {
    let head = format!("{}  {:<9}", state.id, state.state.word());
    let rest = match (&state.output, &state.reason) {
        (Some(output), _) => format!(
            "{}  {}{}",
            safe(&output.blob),
            human_bytes(output.bytes),
            match output.verified {
                Some(true) => "  verified",
                Some(false) => "  NOT VERIFIED: the stored blob is not this job's",
                None => "",
            }
        ),
        (None, Some(reason)) => reason_line(state, reason),
        (None, None) => running(state),
    };
    format!("{head}  {rest}").trim_end().to_owned()
}

fn reason_line(state: &JobState, reason: &str) -> String {
    let detail = state.detail.as_deref().map(|detail| format!(": {}", safe(detail))).unwrap_or_default();
    let advice =
        state.advice.as_deref().map(|advice| format!("\n  next: {}", safe(advice))).unwrap_or_default();
    format!("{reason}{detail}{advice}")
}

fn running(state: &JobState) -> String {
    if state.state == Phase::Unseen {
        return "no report yet: it waits in the queue, or was never enqueued".to_owned();
    }
    let percent = state.percent.map(|percent| format!(" {percent:.0}%")).unwrap_or_default();
    let worker = state.worker.as_deref().map(|worker| format!(" on {}", safe(worker))).unwrap_or_default();
    let attempt = state.attempt.map(|attempt| format!(", attempt {attempt}")).unwrap_or_default();
    format!("{}{percent}{worker}{attempt}", state.doing.as_deref().map(safe).unwrap_or_default())
}
