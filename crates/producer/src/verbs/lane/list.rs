//! Lanes in a table, or one with all that it is allowed.

use serde_json::{Value, json};
use valet_broker::management::LaneDepth;
use valet_broker::topology::LaneNumbers;
use valet_protocol::{Lane, LaneKind, LaneRecord, Priority};

use super::desk::{Desk, kind_word, state_word};
use super::terms::{priority_word, rows};
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::columns;
use crate::verbs::topology;

const HEAD: [&str; 9] = ["LANE", "KIND", "STATE", "WEIGHT", "RUN", "PER MIN", "HIGH", "NORMAL", "LOW"];

/// Lists the lanes that are `wanted`.
pub(in crate::verbs) async fn all(context: &mut Context, wanted: fn(&LaneRecord) -> bool) -> Outcome {
    let desk = Desk::open(context).await?;
    let mut table = vec![HEAD.map(str::to_owned)];
    for record in desk.records.values().filter(|record| wanted(record)) {
        let depths = desk.depths(&record.lane).await?;
        match context.out.is_json() {
            true => context.out.value(&value(record, &depths), |_| String::new())?,
            false => table.push(row(record, &depths)),
        }
    }
    if !context.out.is_json() {
        context.out.line(columns(&table))?;
    }
    context.out.flush()
}

/// Shows all of one lane.
pub(in crate::verbs) async fn one(context: &mut Context, lane: &Lane, kind: Option<LaneKind>) -> Outcome {
    let desk = Desk::open(context).await?;
    let record = desk.lane(lane, kind)?;
    let depths = desk.depths(lane).await?;
    let management = &desk.management;
    let numbers = management.lane_numbers(&record).await.map_err(|error| topology::failure(&error))?;
    let reports = management.reports_waiting(lane).await.map_err(|error| topology::failure(&error))?;
    let numbers = numbers.unwrap_or_default();
    let mut value = value(&record, &depths);
    value["numbers"] = numbers_value(&numbers);
    value["reports_waiting"] = reports.into();
    context.out.value(&value, |_| text(&record, &numbers, &depths, reports))?;
    context.out.flush()
}

/// The record as it is on the wire, and what waits.
fn value(record: &LaneRecord, depths: &[LaneDepth]) -> Value {
    // A record that was read is always JSON.
    let encoded = record.encode().unwrap_or_default();
    let mut value: Value = serde_json::from_slice(&encoded).unwrap_or_default();
    value["waiting"] = depths
        .iter()
        .map(|depth| (priority_word(depth.priority).to_owned(), json!(depth.messages)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    value
}

fn numbers_value(numbers: &LaneNumbers) -> Value {
    json!({ "backlog": numbers.length_max, "backlog_bytes": numbers.bytes_max,
            "connections": numbers.connections_max, "channels": numbers.channels_max })
}

fn row(record: &LaneRecord, depths: &[LaneDepth]) -> [String; 9] {
    let number = |number: Option<u32>| number.map_or("-".to_owned(), |number| number.to_string());
    let depth = |priority: Priority| {
        let found = depths.iter().find(|depth| depth.priority == priority);
        found.map_or("-".to_owned(), |depth| depth.messages.to_string())
    };
    [
        record.lane.to_string(),
        kind_word(record.kind).to_owned(),
        state_word(record.state).to_owned(),
        record.weight.to_string(),
        number(record.running_max),
        number(record.starts_per_minute_max),
        depth(Priority::High),
        depth(Priority::Normal),
        depth(Priority::Low),
    ]
}

fn text(record: &LaneRecord, numbers: &LaneNumbers, depths: &[LaneDepth], reports: Option<u64>) -> String {
    let mut lines = vec![
        ["lane".to_owned(), record.lane.to_string()],
        ["kind".to_owned(), kind_word(record.kind).to_owned()],
        ["state".to_owned(), state_word(record.state).to_owned()],
        ["publishers".to_owned(), record.publishers.join(", ")],
    ];
    lines.extend(rows(record, numbers).into_iter().map(|(field, told)| [field.to_owned(), told]));
    for depth in depths {
        lines.push([format!("waiting in {}", depth.queue), depth.messages.to_string()]);
    }
    if let Some(reports) = reports {
        lines.push(["reports waiting".to_owned(), reports.to_string()]);
    }
    lines.push(["changed".to_owned(), record.changed_at.to_string()]);
    columns(&lines)
}
