//! What differs between the broker and the topology. Reads only.

use super::{LoginNames, Management, ManagementError, state::State};
use crate::topology::{Binding, Exchange, Policy, Queue, Table, Topology, is_of_a_lane, names};
use serde_json::Value;
use std::fmt;

/// One difference between what is and what should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `queue jobs.r0`, `binding jobs → jobs.r0`, `login valet-worker`, …
    pub subject: String,
    /// What differs: wanted and found.
    pub problem: String,
    /// What to do about it.
    pub advice: &'static str,
    /// Whether `topology declare` repairs it.
    pub repaired_by_declare: bool,
}

const DECLARE: &str = "run `valet topology declare`";
const RECREATE: &str =
    "drain and delete it, then run `valet topology declare`: RabbitMQ cannot change it in place";
/// An earlier Valet's last stage went to `dead` by itself; nothing is lost on the way to the new one.
const RECREATE_LAST: &str = "wait until the queue is empty (workers may run on), delete it with `rabbitmqctl delete_queue \
    jobs.r2 -p VHOST`, then run `valet topology declare` at once: what comes meanwhile is held by the broker in retry.2";
const REMOVE: &str = "remove it, unless you know why it is there";

impl Difference {
    pub(super) fn missing(subject: String) -> Self {
        Self::declarable(subject, "is missing".into())
    }

    pub(super) fn declarable(subject: String, problem: String) -> Self {
        Self { subject, problem, advice: DECLARE, repaired_by_declare: true }
    }

    /// `name` is the queue's or exchange's.
    fn fixed(subject: String, name: &str, problem: String) -> Self {
        let advice = if name == names::JOBS_R2 { RECREATE_LAST } else { RECREATE };
        Self { subject, problem, advice, repaired_by_declare: false }
    }

    pub(super) fn foreign(subject: String, problem: String) -> Self {
        Self { subject, problem, advice: REMOVE, repaired_by_declare: false }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.subject, self.problem)
    }
}

impl Management {
    /// Everything that differs; empty when all is as it should be. With `names`, the logins
    /// and their rights too (needs the tag `administrator`).
    pub async fn check(
        &self,
        topology: &Topology,
        names: Option<&LoginNames>,
    ) -> Result<Vec<Difference>, ManagementError> {
        let mut differences = compare(&State::read(self).await?, topology);
        if let Some(names) = names {
            differences.extend(self.check_logins(names).await?);
        }
        Ok(differences)
    }
}

pub(super) fn compare(state: &State, topology: &Topology) -> Vec<Difference> {
    let mut found: Vec<_> = topology.exchanges.iter().filter_map(|item| exchange(state, item)).collect();
    found.extend(topology.queues.iter().flat_map(|item| queue(state, item)));
    found.extend(topology.bindings.iter().filter_map(|item| binding(state, item)));
    found.extend(foreign_bindings(state, topology));
    found.extend(retired_bindings(state, topology));
    found.extend(topology.policies.iter().flat_map(|item| policy(state, item)));
    found
}

fn exchange(state: &State, wanted: &Exchange) -> Option<Difference> {
    let subject = format!("exchange {}", wanted.name);
    let Some(found) = state.exchange(&wanted.name) else { return Some(Difference::missing(subject)) };
    let problem = if found["type"] != wanted.kind {
        format!("is of type {}, not {}", found["type"], wanted.kind)
    } else if found["durable"] != true || found["auto_delete"] == true {
        "is not durable".to_owned()
    } else if found["internal"] != wanted.internal {
        format!("has internal={}, not {}", found["internal"], wanted.internal)
    } else if found["arguments"].as_object().is_some_and(|arguments| !arguments.is_empty()) {
        format!("has arguments {}", found["arguments"])
    } else {
        return None;
    };
    Some(Difference::fixed(subject, &wanted.name, problem))
}

fn queue(state: &State, wanted: &Queue) -> Vec<Difference> {
    let subject = format!("queue {}", wanted.name);
    let Some(found) = state.queue(&wanted.name) else { return vec![Difference::missing(subject)] };
    let mut problems: Vec<_> = table_problems("argument", &wanted.arguments, &found["arguments"]);
    if found["durable"] != true {
        problems.push("is not durable".to_owned());
    }
    problems.into_iter().map(|problem| Difference::fixed(subject.clone(), &wanted.name, problem)).collect()
}

/// Wrong, missing and extra entries, one text each.
fn table_problems(what: &str, wanted: &Table, found: &Value) -> Vec<String> {
    let empty = Table::new();
    let found = found.as_object().unwrap_or(&empty);
    let wrong = wanted.iter().filter_map(|(key, value)| match found.get(key) {
        Some(have) if have == value => None,
        Some(have) => Some(format!("has {what} {key}={have}, not {value}")),
        None => Some(format!("lacks {what} {key}={value}")),
    });
    let extra = found.iter().filter(|(key, _)| !wanted.contains_key(*key));
    wrong.chain(extra.map(|(key, have)| format!("has the extra {what} {key}={have}"))).collect()
}

pub(super) fn same(wanted: &Binding, found: &Value) -> bool {
    found["source"] == wanted.source
        && found["destination"] == wanted.queue
        && found["destination_type"] == "queue"
        && found["routing_key"] == wanted.key
        && found["arguments"].as_object() == Some(&wanted.arguments)
}

fn binding(state: &State, wanted: &Binding) -> Option<Difference> {
    let there = state.bindings().any(|found| same(wanted, found));
    let subject = format!("binding {} → {}", wanted.source, wanted.queue);
    (!there).then(|| Difference::declarable(subject, format!("is missing (key {:?})", wanted.key)))
}

/// A binding from one of our exchanges or into one of our queues that should not be there is a
/// way around the walls.
fn foreign_bindings(state: &State, topology: &Topology) -> Vec<Difference> {
    let ours = |found: &Value| {
        let in_a_lane = |end: &str| found[end].as_str().is_some_and(|name| names::lane_of(name).is_some());
        in_a_lane("source")
            || in_a_lane("destination")
            || topology.exchanges.iter().any(|exchange| {
                found["source"] == exchange.name
                    || (found["destination_type"] == "exchange" && found["destination"] == exchange.name)
            })
            || topology
                .queues
                .iter()
                .any(|queue| found["destination_type"] == "queue" && found["destination"] == queue.name)
    };
    let known = |found: &&Value| {
        topology.bindings.iter().chain(&topology.retired).any(|wanted| same(wanted, found))
            || of_a_lane(found)
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    state
        .bindings()
        .filter(|found| ours(found) && !known(found))
        .map(|found| {
            let subject = format!("binding {} → {}", text(&found["source"]), text(&found["destination"]));
            Difference::foreign(subject, format!("is not Valet's (key {:?})", text(&found["routing_key"])))
        })
        .collect()
}

/// Lanes come and go without this topology, and their own bindings are no strangers.
fn of_a_lane(found: &Value) -> bool {
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    let (source, queue, key) = (text("source"), text("destination"), text("routing_key"));
    let arguments = found["arguments"].as_object().cloned().unwrap_or_default();
    found["destination_type"] == "queue" && is_of_a_lane(&Binding { source, queue, key, arguments })
}

/// A binding that an earlier Valet made: ours to remove.
fn retired_bindings(state: &State, topology: &Topology) -> Vec<Difference> {
    let there = |old: &&Binding| state.bindings().any(|found| same(old, found));
    let told = |old: &Binding| {
        let subject = format!("retired binding {} → {}", old.source, old.queue);
        Difference::declarable(subject, "is of an earlier Valet".into())
    };
    topology.retired.iter().filter(there).map(told).collect()
}

fn policy(state: &State, wanted: &Policy) -> Vec<Difference> {
    let subject = format!("policy {}", wanted.name);
    let mut differences = match state.policy(&wanted.name) {
        None => vec![Difference::missing(subject)],
        Some(found) => {
            let mut problems =
                table_problems("setting", &wanted.definition_for(state.version), &found["definition"]);
            if found["pattern"] != wanted.pattern() {
                problems.push(format!("has pattern {}, not {:?}", found["pattern"], wanted.pattern()));
            }
            problems.into_iter().map(|problem| Difference::declarable(subject.clone(), problem)).collect()
        }
    };
    // Only one policy applies to a queue, so a stranger's takes all of our numbers away.
    if let Some(governor) = state.queue(&wanted.queue).and_then(|queue| queue["policy"].as_str())
        && governor != wanted.name
    {
        let subject = format!("queue {}", wanted.queue);
        differences
            .push(Difference::foreign(subject, format!("is governed by the policy {governor:?}, not ours")));
    }
    differences
}
