//! How things look that several verbs print.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use valet_protocol::JobMessage;
use valet_status::{AttemptRecord, Outcome};

use crate::batch::{JobPlan, Place};
use crate::failure::Failure;
use crate::follow::{JobState, Phase, StoredOutput};
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
    /// Serializes redacted, by its type; absent when it is sealed.
    grant: Option<&'a valet_grant::GrantUrl>,
}

impl fmt::Display for Side<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.grant {
            Some(grant) => write!(f, "{grant}"),
            None => f.write_str("sealed: only a worker can open it"),
        }
    }
}

impl<'a> Preview<'a> {
    pub(super) fn of(plan: &'a JobPlan, message: &'a JobMessage) -> Self {
        let urls = message.grants.urls();
        Self {
            id: plan.id.to_string(),
            input: Side { blob: plan.input.as_str(), grant: urls.map(|(input, _)| input) },
            output: Side { blob: plan.output.as_str(), grant: urls.map(|(_, output)| output) },
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
            self.input,
            self.output,
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
    let advice = state.advice.as_deref().filter(|_| state.output.is_none() || !state.is_done());
    let advice = advice.map(|advice| format!("\n  next: {}", safe(advice))).unwrap_or_default();
    format!("{}  {:<9}  {}{advice}", state.key(), state.state.word(), what(state)).trim_end().to_owned()
}

/// One job as a row of a list: id, state, time, preset, what it is about or what happened.
pub(super) fn row(state: &JobState) -> [String; 5] {
    let time = format!("{:.0}", state.begun_at());
    let preset = state.preset.as_deref().map(safe).unwrap_or_default();
    [state.key().to_string(), state.state.word().to_owned(), time, preset, what(state)]
}

/// One job's state with its history.
pub(super) fn story(state: &JobState) -> String {
    let mut text = self::state(state);
    let mut say = |name: &str, what: Option<String>| {
        if let Some(what) = what {
            text.push_str(&format!("\n  {name:<9} {}", safe(&what)));
        }
    };
    say("lane", Some(state.lane.to_string()));
    say("preset", state.preset.clone());
    say("input", state.input_blob.clone());
    say("output", state.output_blob.clone().or(state.output.as_ref().map(|output| output.blob.clone())));
    let tags: Vec<_> = state.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
    say("tags", Some(tags.join(" ")).filter(|tags| !tags.is_empty()));
    say("submitted", state.submitted_at.map(|time| format!("{time:.0}")));
    say("ended", state.ended_at.map(|time| format!("{time:.0}")));
    let waits = state.not_after.filter(|_| !state.state.is_final());
    say("good until", waits.map(|time| format!("{time:.0}")));
    for attempt in &state.attempts {
        say(&format!("#{}", attempt.attempt), Some(attempt_line(attempt)));
    }
    text
}

fn attempt_line(attempt: &AttemptRecord) -> String {
    let again = if attempt.redelivery > 0 {
        format!(" (given out again, {})", attempt.redelivery)
    } else {
        String::new()
    };
    let from = attempt.accepted_at.or(attempt.started_at).unwrap_or(attempt.heard_at);
    let (end, verb) = match attempt.ended_at {
        Some(end) => (end, "after"),
        None => (attempt.heard_at, "heard for"),
    };
    let seconds = end.duration_since(from).as_secs();
    let outcome = attempt.outcome.map_or("running", Outcome::word);
    let reason = attempt.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let detail = attempt.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{from:.0} on {}{again}: {outcome} {verb} {seconds} s{reason}{detail}", attempt.worker)
}

/// What there is to say of a job in its state.
fn what(state: &JobState) -> String {
    match (&state.output, state.reason) {
        (Some(output), None) => stored(output),
        (_, Some(reason)) => {
            let detail =
                state.detail.as_deref().map(|detail| format!(": {}", safe(detail))).unwrap_or_default();
            format!("{reason}{detail}")
        }
        (None, None) => under_way(state),
    }
}

fn stored(output: &StoredOutput) -> String {
    let size = output.bytes.map(|bytes| format!("  {}", human_bytes(bytes))).unwrap_or_default();
    let verified = if output.verified == Some(true) { "  verified" } else { "" };
    format!("{}{size}{verified}", safe(&output.blob))
}

fn under_way(state: &JobState) -> String {
    let names = match (&state.input_blob, &state.output_blob) {
        (Some(input), Some(output)) => format!("{} -> {}", safe(input), safe(output)),
        _ => String::new(),
    };
    match state.state {
        Phase::Unseen => {
            return "no report: it was never enqueued here, or its reports are too old".to_owned();
        }
        Phase::Running => {}
        _ => return names,
    }
    let percent = state.percent.map(|percent| format!(" {percent:.0}%")).unwrap_or_default();
    let worker = state.worker.as_deref().map(|worker| format!(" on {}", safe(worker))).unwrap_or_default();
    let attempt = state.attempt.map(|attempt| format!(", attempt {attempt}")).unwrap_or_default();
    let silent = state.silent_seconds.map(|seconds| format!(", SILENT for {seconds} s")).unwrap_or_default();
    format!("{}{percent}{worker}{attempt}{silent}", state.doing.as_deref().map(safe).unwrap_or_default())
}
