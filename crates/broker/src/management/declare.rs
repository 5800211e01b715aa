//! Makes the broker as the topology says. Idempotent, and never destructive: what exists with other
//! fixed properties is a conflict, and nothing is changed then.

use super::{
    Management, ManagementError,
    check::{self, Difference},
    http::segment,
    state::State,
};
use crate::{
    Numbers,
    topology::{
        LaneNumbers, Topology,
        names::{LANES_LOG, TOPOLOGY_LOG, is_reserved, lane_exchange},
    },
};
use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;
use valet_protocol::{LaneRecord, Priority};

/// What a declare changed; no changes the second time.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// `created queue jobs.r0`, `set policy valet.jobs.r0`, one each.
    pub changes: Vec<String>,
    /// What the operator must know, e.g. a limit that this broker version cannot set per queue.
    pub notes: Vec<String>,
}

/// Above any policy that an operator is likely to have for all queues.
const PRIORITY: u32 = 100;
/// AMQP `type` of the declared numbers.
const NUMBERS_TYPE: &str = "valet.topology.v1";
/// AMQP `type` of a lane's record.
const LANE_TYPE: &str = "valet.lane.v1";
/// Pauses before the numbers are told again to a stream that is not up yet.
const TELL_PAUSES: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_secs(1), Duration::from_secs(3)];

impl Management {
    /// Declares exchanges, queues, bindings and policies. The vhost must exist
    /// ([`Management::ensure_vhost`]).
    pub async fn declare(&self, topology: &Topology) -> Result<Declared, ManagementError> {
        let state = State::read(self).await?;
        let mut declared = self.declare_parts(topology, &state).await?;
        self.tell_numbers(&topology.numbers(state.version)).await?;
        let differences = check::compare(&state, topology);
        declared.notes.extend(notes(&state, topology, &differences));
        Ok(declared)
    }

    /// Declares one lane and tells its record. The rest of the topology must be there.
    pub async fn declare_lane(
        &self,
        record: &LaneRecord,
        numbers: &LaneNumbers,
    ) -> Result<Declared, ManagementError> {
        let topology = Topology { lanes: Vec::new(), ..Topology::of_lane(record, numbers) };
        // Before there is a way in: what comes is then judged by it.
        self.publish_lane_record(record).await?;
        self.declare_parts(&topology, &State::read(self).await?).await
    }

    /// Tells everybody what a lane is allowed from now on.
    pub async fn publish_lane_record(&self, record: &LaneRecord) -> Result<(), ManagementError> {
        if is_reserved(&record.lane) {
            return Err(ManagementError::Reserved { lane: record.lane.clone() });
        }
        let record = LaneRecord { changed_at: Timestamp::now(), ..record.clone() };
        let bytes =
            record.encode().map_err(|cause| ManagementError::Record { lane: record.lane.clone(), cause })?;
        self.tell(LANES_LOG, LANE_TYPE, &String::from_utf8_lossy(&bytes)).await
    }

    async fn declare_parts(&self, topology: &Topology, state: &State) -> Result<Declared, ManagementError> {
        let differences = check::compare(state, topology);
        let conflicts = differences.iter().filter(|difference| is_conflict(state, difference));
        let told = |difference: &Difference| format!("{difference} ({})", difference.advice);
        let conflicts: Vec<_> = conflicts.map(told).collect();
        if !conflicts.is_empty() {
            return Err(ManagementError::Conflict { differences: conflicts });
        }
        let mut declared = Declared::default();
        let done = &mut declared.changes;
        // Policies first: a queue must not live a moment without its limits.
        self.set_policies(topology, state, &differences, done).await?;
        self.create_queues(topology, state, done).await?;
        self.tell_lanes(topology, state, done).await?;
        self.create_exchanges(topology, state, done).await?;
        self.bind(topology, &differences, done).await?;
        // After the new ways are open: in between a message takes both, which is better than none.
        self.unbind_retired(topology, state, done).await?;
        Ok(declared)
    }

    async fn set_policies(
        &self,
        topology: &Topology,
        state: &State,
        differences: &[Difference],
        done: &mut Vec<String>,
    ) -> Result<(), ManagementError> {
        for policy in &topology.policies {
            let subject = format!("policy {}", policy.name);
            if !differences.iter().any(|difference| difference.subject == subject) {
                continue;
            }
            let body = json!({
                "pattern": policy.pattern(),
                "definition": policy.definition_for(state.version),
                "priority": PRIORITY,
                "apply-to": "queues",
            });
            self.http.put(&format!("{}/{}", self.path("policies"), segment(&policy.name)), &body).await?;
            done.push(format!("set {subject}"));
        }
        Ok(())
    }

    async fn create_exchanges(
        &self,
        topology: &Topology,
        state: &State,
        done: &mut Vec<String>,
    ) -> Result<(), ManagementError> {
        for exchange in topology.exchanges.iter().filter(|exchange| state.exchange(&exchange.name).is_none())
        {
            let body = json!({
                "type": exchange.kind,
                "durable": true,
                "auto_delete": false,
                "internal": exchange.internal,
                "arguments": {},
            });
            self.http.put(&format!("{}/{}", self.path("exchanges"), segment(&exchange.name)), &body).await?;
            done.push(format!("created exchange {}", exchange.name));
        }
        Ok(())
    }

    async fn create_queues(
        &self,
        topology: &Topology,
        state: &State,
        done: &mut Vec<String>,
    ) -> Result<(), ManagementError> {
        for queue in topology.queues.iter().filter(|queue| state.queue(&queue.name).is_none()) {
            let body = json!({ "durable": true, "auto_delete": false, "arguments": queue.arguments });
            self.http.put(&format!("{}/{}", self.path("queues"), segment(&queue.name)), &body).await?;
            done.push(format!("created queue {}", queue.name));
        }
        Ok(())
    }

    async fn bind(
        &self,
        topology: &Topology,
        differences: &[Difference],
        done: &mut Vec<String>,
    ) -> Result<(), ManagementError> {
        for binding in &topology.bindings {
            let subject = format!("binding {} → {}", binding.source, binding.queue);
            let missing =
                |difference: &Difference| difference.subject == subject && difference.repaired_by_declare;
            if !differences.iter().any(missing) {
                continue;
            }
            let (source, queue) = (segment(&binding.source), segment(&binding.queue));
            let path = format!("{}/e/{source}/q/{queue}", self.path("bindings"));
            self.http
                .post(&path, &json!({ "routing_key": binding.key, "arguments": binding.arguments }))
                .await?;
            done.push(format!("created {subject}"));
        }
        Ok(())
    }

    async fn unbind_retired(
        &self,
        topology: &Topology,
        state: &State,
        done: &mut Vec<String>,
    ) -> Result<(), ManagementError> {
        for old in &topology.retired {
            for found in state.bindings().filter(|found| check::same(old, found)) {
                let (source, queue) = (segment(&old.source), segment(&old.queue));
                let key = segment(found["properties_key"].as_str().unwrap_or_default());
                self.http.delete(&format!("{}/e/{source}/q/{queue}/{key}", self.path("bindings"))).await?;
                done.push(format!("removed binding {} → {}", old.source, old.queue));
            }
        }
        Ok(())
    }

    /// The records of lanes that are made now. HTTP cannot read a stream, and what an operator chose for a lane that
    /// is there already must not be undone: so before its exchange is made, once.
    async fn tell_lanes(
        &self,
        topology: &Topology,
        state: &State,
        done: &mut Vec<String>,
    ) -> Result<(), ManagementError> {
        for record in &topology.lanes {
            if state.exchange(&lane_exchange(&record.lane, Priority::Normal)).is_none() {
                self.publish_lane_record(record).await?;
                done.push(format!("told the record of lane {}", record.lane));
            }
        }
        Ok(())
    }

    /// Appends to the log of numbers. Each time: HTTP cannot read a stream, and an entry is tiny.
    async fn tell_numbers(&self, numbers: &Numbers) -> Result<(), ManagementError> {
        self.tell(TOPOLOGY_LOG, NUMBERS_TYPE, &json!(numbers).to_string()).await
    }

    /// Appends to a log.
    async fn tell(&self, queue: &'static str, kind: &str, payload: &str) -> Result<(), ManagementError> {
        let message = json!({
            "properties": { "delivery_mode": 2, "content_type": "application/json", "type": kind },
            "routing_key": queue,
            "payload": payload,
            "payload_encoding": "string",
        });
        let path = format!("{}/amq.default/publish", self.path("exchanges"));
        let mut pauses = TELL_PAUSES.iter();
        loop {
            if self.http.post(&path, &message).await?["routed"] == true {
                return Ok(());
            }
            // The stream was made a moment ago, and its leader is not up yet.
            let Some(pause) = pauses.next() else {
                return Err(ManagementError::Unrouted { queue });
            };
            tokio::time::sleep(*pause).await;
        }
    }
}

/// Something exists with other fixed properties.
fn is_conflict(state: &State, difference: &Difference) -> bool {
    let Some((kind, name)) = difference.subject.split_once(' ') else { return false };
    let governed_by_another = difference.problem.starts_with("is governed");
    match kind {
        "exchange" => !difference.repaired_by_declare && state.exchange(name).is_some(),
        "queue" => !difference.repaired_by_declare && !governed_by_another,
        _ => false,
    }
}

fn notes(state: &State, topology: &Topology, differences: &[Difference]) -> Vec<String> {
    let foreign = differences.iter().filter(|difference| !difference.repaired_by_declare);
    let mut notes: Vec<_> =
        foreign.map(|difference| format!("{difference}: {}", difference.advice)).collect();
    if !state.version.capabilities().consumer_timeout_policy {
        let seconds = topology.options.node_consumer_timeout.as_secs();
        notes.push(format!(
            "RabbitMQ {} has one consumer_timeout for the whole node, and workers are told that it is {seconds} s: \
             write `consumer_timeout = {}` into rabbitmq.conf and restart the node, or say with \
             --node-consumer-timeout what it has",
            state.version,
            seconds * 1000,
        ));
    }
    notes
}
