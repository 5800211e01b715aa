//! Scheduled events as Azure writes them (version 2020-07-01), and what they leave of the time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// What is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A spot machine is taken back.
    Preempt,
    /// The machine is deleted.
    Terminate,
    /// The machine starts anew.
    Reboot,
    /// The machine moves, and loses what was on its local disk.
    Redeploy,
    /// The machine stands still for some seconds.
    Freeze,
    /// Something that there was not in this version.
    Other,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: Kind,
    /// Names of the machines that it is about.
    pub(super) machines: Vec<String>,
    /// When it happens at the earliest; nothing once it has begun.
    pub(super) not_before: Option<Timestamp>,
    /// It goes on, and is told until it is over.
    pub(super) has_started: bool,
}

/// All events of this machine and of those that go with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    /// Grows with each change.
    pub(super) incarnation: i64,
    pub(super) events: Vec<Event>,
}

impl Kind {
    fn parse(text: &str) -> Self {
        match text {
            "Preempt" => Self::Preempt,
            "Terminate" => Self::Terminate,
            "Reboot" => Self::Reboot,
            "Redeploy" => Self::Redeploy,
            "Freeze" => Self::Freeze,
            _ => Self::Other,
        }
    }

    /// Azure's word for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Preempt => "Preempt",
            Self::Terminate => "Terminate",
            Self::Reboot => "Reboot",
            Self::Redeploy => "Redeploy",
            Self::Freeze => "Freeze",
            Self::Other => "other",
        }
    }
}

impl Document {
    /// Reads an answer; nothing of what is none. An event without an id cannot be acknowledged, and is left out.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let document: Value = serde_json::from_slice(bytes).ok()?;
        let incarnation = document["DocumentIncarnation"].as_i64()?;
        let events = document["Events"].as_array()?.iter().filter_map(Event::parse).collect();
        Some(Self { incarnation, events })
    }
}

impl Event {
    fn parse(value: &Value) -> Option<Self> {
        let machines = value["Resources"].as_array().into_iter().flatten();
        Some(Self {
            id: value["EventId"].as_str()?.to_owned(),
            kind: Kind::parse(value["EventType"].as_str().unwrap_or_default()),
            machines: machines.filter_map(Value::as_str).map(str::to_owned).collect(),
            not_before: value["NotBefore"].as_str().and_then(instant),
            has_started: value["EventStatus"] == "Started",
        })
    }

    /// Whether the machine called `name` is among those that it is about. Azure's names ignore case.
    pub(super) fn is_about(&self, name: &str) -> bool {
        self.machines.iter().any(|machine| machine.eq_ignore_ascii_case(name))
    }

    /// Whether it may lie behind a worker that has just begun: what starts a machine anew is told for some time after.
    pub(super) fn may_lie_behind(&self) -> bool {
        self.has_started && matches!(self.kind, Kind::Reboot | Kind::Redeploy)
    }

    /// Whether other machines go with this one.
    pub(super) fn is_shared(&self) -> bool {
        self.machines.len() > 1
    }

    /// How long jobs in hand may still take: as configured, or less, so that `margin` is left before it happens.
    pub(super) fn grace(&self, configured: Duration, margin: Duration, now: Timestamp) -> Duration {
        // Once it has begun there is nothing to count on.
        let left = self.not_before.map_or(SignedDuration::ZERO, |at| at.duration_since(now));
        let left = Duration::try_from(left).unwrap_or_default();
        configured.min(left.saturating_sub(margin))
    }
}

/// `Mon, 19 Sep 2022 18:29:47 GMT`.
fn instant(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|at| at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Azure's documentation of the service.
    const DOCUMENTED: &str = r#"{ "DocumentIncarnation": 1, "Events": [ {
        "EventId": "C7061BAC-AFDC-4513-B24B-AA5F13A16123", "EventStatus": "Scheduled", "EventType": "Freeze",
        "ResourceType": "VirtualMachine", "Resources": ["WestNO_0", "WestNO_1"],
        "NotBefore": "Mon, 11 Apr 2022 22:26:58 GMT", "Description": "…", "EventSource": "Platform",
        "DurationInSeconds": 5 } ] }"#;

    #[test]
    fn the_documented_event_is_understood() {
        let document = Document::parse(DOCUMENTED.as_bytes()).unwrap();
        let event = &document.events[0];
        assert_eq!((document.incarnation, event.kind), (1, Kind::Freeze));
        assert_eq!(event.not_before, Some("2022-04-11T22:26:58Z".parse().unwrap()));
        assert!(event.is_about("westno_1") && !event.is_about("WestNO_10"));
        assert!(event.is_shared() && !event.has_started);
    }

    #[test]
    fn what_is_no_document_is_none_and_what_is_unknown_ends_nothing() {
        assert_eq!(Document::parse(b"<html>"), None);
        assert_eq!(Document::parse(b"{}"), None);
        let unknown = br#"{"DocumentIncarnation": 2, "Events": [{"EventId": "x", "EventType": "New"}, {}]}"#;
        let events = Document::parse(unknown).unwrap().events;
        assert_eq!((events.len(), events[0].kind), (1, Kind::Other));
    }

    #[test]
    fn only_what_starts_a_machine_anew_may_lie_behind_it_and_only_once_it_has_begun() {
        let may_lie_behind = |kind: &str, status: &str| {
            let value = serde_json::json!({ "EventId": "1", "EventType": kind, "EventStatus": status });
            Event::parse(&value).unwrap().may_lie_behind()
        };
        assert!(may_lie_behind("Reboot", "Started") && may_lie_behind("Redeploy", "Started"));
        assert!(!may_lie_behind("Reboot", "Scheduled") && !may_lie_behind("Preempt", "Started"));
    }

    #[test]
    fn the_grace_ends_in_time_before_the_machine_does() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |seconds| Some(now + SignedDuration::from_secs(seconds));
        let (configured, margin) = (Duration::from_secs(60), Duration::from_secs(8));
        let (kind, machines, has_started) = (Kind::Preempt, vec![], false);
        let preempt = Event { id: "1".into(), kind, machines, not_before: None, has_started };
        let event = |not_before| Event { not_before, ..preempt.clone() };
        for (not_before, expected) in [(at(30), 22), (at(900), 60), (at(5), 0), (at(-5), 0), (None, 0)] {
            let grace = event(not_before).grace(configured, margin, now);
            assert_eq!(grace, Duration::from_secs(expected), "{not_before:?}");
        }
    }
}
