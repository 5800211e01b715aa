//! A double of Azure's Instance Metadata Service, as far as a machine hears from it of its own end.
//!
//! It answers as the real one is documented to: `Metadata: true` or nothing, a known `api-version` or
//! nothing, never through a proxy. An event that was acknowledged has started, as on Azure.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::server::{Request, Response, Server};

/// Path of the events, below [`ScheduledEvents::url`].
pub const EVENTS_PATH: &str = "/metadata/scheduledevents";
/// Path of the machine's own name, below [`ScheduledEvents::url`].
pub const NAME_PATH: &str = "/metadata/instance/compute/name";
/// The version of the interface that knows scheduled events as they are here.
const EVENTS_VERSION: &str = "2020-07-01";
/// RFC 1123, as `NotBefore` is written.
const RFC_1123: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// The service of one virtual machine; it ends on drop.
#[derive(Debug)]
pub struct ScheduledEvents {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Name of the machine that asks.
    vm: String,
    /// Grows with every change, as the real one's does.
    incarnation: u64,
    announced: u64,
    events: Vec<Event>,
    acknowledged: Vec<String>,
    polls: usize,
    is_down: bool,
}

#[derive(Clone, Debug)]
struct Event {
    id: String,
    kind: String,
    vms: Vec<String>,
    not_before: Option<Timestamp>,
    has_started: bool,
}

impl ScheduledEvents {
    /// Starts the service of the machine `vm`; nothing is scheduled.
    pub fn start(vm: &str) -> Self {
        let state = Arc::new(Mutex::new(State { vm: vm.to_owned(), incarnation: 1, ..State::default() }));
        let served = Arc::clone(&state);
        Self { server: Server::start(move |request| lock(&served).answer(request)), state }
    }

    /// `http://127.0.0.1:port`, which stands for `http://169.254.169.254`.
    pub fn url(&self) -> String {
        self.server.url().to_owned()
    }

    /// Schedules an event and returns its id. `kind` is one of Azure's words: `Preempt`, `Terminate`, `Freeze`,
    /// `Reboot`, `Redeploy`. `vm` is the machine it is about, which may be another of the same set.
    pub fn announce(&self, kind: &str, vm: &str, not_before: Timestamp) -> String {
        self.announce_for(kind, &[vm], not_before)
    }

    /// The same for several machines at once: a single acknowledgement lets it happen to all of them.
    pub fn announce_for(&self, kind: &str, vms: &[&str], not_before: Timestamp) -> String {
        let mut state = self.state();
        state.announced += 1;
        let id = format!("{:08X}-0000-4000-8000-{:012X}", fastrand::u32(..), state.announced);
        let event = Event {
            id: id.clone(),
            kind: kind.to_owned(),
            vms: vms.iter().map(|vm| (*vm).to_owned()).collect(),
            not_before: Some(not_before),
            has_started: false,
        };
        state.events.push(event);
        state.incarnation += 1;
        id
    }

    /// Lets an event begin without a word from anybody, as Azure does at its `NotBefore`. It is told until it is
    /// withdrawn.
    pub fn begin(&self, id: &str) {
        let mut state = self.state();
        state.events.iter_mut().filter(|event| event.id == id).for_each(|event| event.has_started = true);
        state.incarnation += 1;
    }

    /// Takes an event off the list, as Azure does when it is over or was called off.
    pub fn withdraw(&self, id: &str) {
        let mut state = self.state();
        state.events.retain(|event| event.id != id);
        state.incarnation += 1;
    }

    /// Ids of the events that were acknowledged (`StartRequests`), in order.
    pub fn acknowledged(&self) -> Vec<String> {
        self.state().acknowledged.clone()
    }

    /// How often the events were asked for and told.
    pub fn polls(&self) -> usize {
        self.state().polls
    }

    /// Answers every request with 503 from now on, or no longer.
    pub fn set_down(&self, is_down: bool) {
        self.state().is_down = is_down;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Response {
        if self.is_down {
            return Response::text(503, "the service is being updated");
        }
        if request.header("metadata") != Some("true") {
            return refuse("Bad request. Required metadata header not specified");
        }
        if request.header("x-forwarded-for").is_some() {
            return refuse("Bad request. Requests through a proxy are not answered");
        }
        match (request.method.as_str(), request.path.as_str(), request.field("api-version")) {
            (_, EVENTS_PATH, version) if version != Some(EVENTS_VERSION) => {
                refuse("Bad request. api-version is invalid or was not specified in the request.")
            }
            ("GET", EVENTS_PATH, _) => self.tell(),
            ("POST", EVENTS_PATH, _) => self.acknowledge(&request.body),
            (_, NAME_PATH, None) => refuse("Bad request. api-version was not specified in the request."),
            ("GET", NAME_PATH, _) if request.field("format") == Some("text") => {
                Response::text(200, self.vm.clone())
            }
            ("GET", NAME_PATH, _) => Response::json(200, &json!(self.vm)),
            (method, path, _) => Response::text(404, format!("no {method} {path} here")),
        }
    }

    fn tell(&mut self) -> Response {
        self.polls += 1;
        let events: Vec<Value> = self.events.iter().map(Event::document).collect();
        Response::json(200, &json!({"DocumentIncarnation": self.incarnation, "Events": events}))
    }

    /// `{"StartRequests": [{"EventId": …}]}`: all are known, or none is taken.
    fn acknowledge(&mut self, body: &[u8]) -> Response {
        let document: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let entries = document["StartRequests"].as_array().cloned().unwrap_or_default();
        let ids: Vec<&str> = entries.iter().filter_map(|entry| entry["EventId"].as_str()).collect();
        let known = |id: &&str| self.events.iter().any(|event| event.id == *id);
        if ids.is_empty() || !ids.iter().all(known) {
            return refuse("Bad request. StartRequests must name scheduled events by their EventId");
        }
        for event in self.events.iter_mut().filter(|event| ids.contains(&event.id.as_str())) {
            event.has_started = true;
            self.acknowledged.push(event.id.clone());
        }
        self.incarnation += 1;
        Response::text(200, "")
    }
}

impl Event {
    fn document(&self) -> Value {
        let at = self.not_before.filter(|_| !self.has_started);
        json!({
            "EventId": self.id,
            "EventType": self.kind,
            "ResourceType": "VirtualMachine",
            "Resources": self.vms,
            "EventStatus": if self.has_started { "Started" } else { "Scheduled" },
            "NotBefore": at.map(|at| at.strftime(RFC_1123).to_string()).unwrap_or_default(),
            "Description": "announced by a test",
            "EventSource": "Platform",
            "DurationInSeconds": -1,
        })
    }
}

fn refuse(why: &str) -> Response {
    Response::json(400, &json!({"error": why}))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{self, Answer};

    const KNOWN: &str = "?api-version=2020-07-01";

    fn send(service: &ScheduledEvents, method: &str, path: &str, body: &str) -> Answer {
        let url = format!("{}{path}", service.url());
        http::send(method, &url, &[("Metadata", "true")], body).expect("an answer")
    }

    fn events(service: &ScheduledEvents) -> Value {
        let answer = send(service, "GET", &format!("{EVENTS_PATH}{KNOWN}"), "");
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    #[test]
    fn an_announced_event_is_told_until_it_is_withdrawn_and_starts_when_acknowledged() {
        let service = ScheduledEvents::start("vm-1");
        assert_eq!(events(&service), json!({"DocumentIncarnation": 1, "Events": []}));
        let id = service.announce("Preempt", "vm-1", "2026-11-25T00:00:30Z".parse().expect("an instant"));
        let told = &events(&service)["Events"][0];
        assert_eq!((&told["EventId"], &told["EventStatus"]), (&json!(id), &json!("Scheduled")));
        assert_eq!((&told["EventType"], &told["Resources"]), (&json!("Preempt"), &json!(["vm-1"])));
        assert_eq!(told["NotBefore"], "Wed, 25 Nov 2026 00:00:30 GMT");
        let request = json!({"StartRequests": [{"EventId": id}]}).to_string();
        assert_eq!(send(&service, "POST", &format!("{EVENTS_PATH}{KNOWN}"), &request).status, 200);
        let told = events(&service);
        assert_eq!((&told["DocumentIncarnation"], &told["Events"][0]["NotBefore"]), (&json!(3), &json!("")));
        assert_eq!(told["Events"][0]["EventStatus"], "Started");
        service.withdraw(&id);
        assert_eq!(events(&service)["Events"], json!([]));
        assert_eq!((service.acknowledged(), service.polls()), (vec![id], 4));
    }

    #[test]
    fn an_event_may_be_about_several_machines_and_begin_by_itself() {
        let service = ScheduledEvents::start("vm-1");
        let at = "2026-11-25T00:00:30Z".parse().expect("an instant");
        let id = service.announce_for("Reboot", &["vm-1", "vm-2"], at);
        assert_eq!(events(&service)["Events"][0]["Resources"], json!(["vm-1", "vm-2"]));
        service.begin(&id);
        let told = events(&service);
        assert_eq!((&told["DocumentIncarnation"], &told["Events"][0]["NotBefore"]), (&json!(3), &json!("")));
        assert_eq!(told["Events"][0]["EventStatus"], "Started");
        assert!(service.acknowledged().is_empty());
    }

    #[test]
    fn it_is_as_strict_as_the_real_one() {
        let service = ScheduledEvents::start("vm-1");
        let plain = http::send("GET", &format!("{}{EVENTS_PATH}{KNOWN}", service.url()), &[], ());
        assert_eq!(plain.expect("an answer").status, 400, "without its header");
        assert_eq!(send(&service, "GET", EVENTS_PATH, "").status, 400, "without a version");
        let unknown = r#"{"StartRequests":[{"EventId":"nobody"}]}"#;
        assert_eq!(send(&service, "POST", &format!("{EVENTS_PATH}{KNOWN}"), unknown).status, 400);
        assert_eq!(send(&service, "GET", "/metadata/identity", "").status, 404);
        service.set_down(true);
        assert_eq!(send(&service, "GET", &format!("{EVENTS_PATH}{KNOWN}"), "").status, 503);
        assert!(service.acknowledged().is_empty() && service.polls() == 0);
    }

    #[test]
    fn it_knows_the_machines_name() {
        let service = ScheduledEvents::start("vm-1");
        let answer = send(&service, "GET", &format!("{NAME_PATH}?api-version=2021-02-01&format=text"), "");
        assert_eq!((answer.status, answer.text()), (200, "vm-1".to_owned()));
    }
}
