//! `valet lane add`: a lane of our own producers, or other numbers for one.

use clap::Args;
use serde_json::json;
use valet_broker::topology::LaneNumbers;
use valet_protocol::{Lane, LaneKind, LaneRecord, Priority};

use super::desk::{Desk, sound};
use super::terms::{Change, Doors, Terms, changes};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::verbs::topology;

/// Make a lane for producers of your own, or change one
///
/// Safe to repeat: what is not said stays as it is, and what changed is told.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The lane
    #[arg(value_name = "LANE")]
    lane: Lane,
    /// A login whose messages are taken, again for each (new lanes: valet-producer)
    #[arg(long, value_name = "LOGIN")]
    publisher: Vec<String>,
    #[command(flatten)]
    terms: Terms,
}

impl Options {
    pub(super) async fn run(self, mut context: Context) -> Outcome {
        let desk = Desk::open(&context).await?;
        let old = match desk.records.contains_key(&self.lane) {
            true => Some(desk.lane(&self.lane, Some(LaneKind::Own))?),
            false => None,
        };
        let base =
            old.clone().unwrap_or_else(|| LaneRecord::own(self.lane.clone(), vec!["valet-producer".to_owned()]));
        let mut new = self.terms.apply(&base)?;
        if !self.publisher.is_empty() {
            new.publishers.clone_from(&self.publisher);
        }
        let done = put(&desk, old.as_ref(), &base, &new, |was| self.terms.numbers(&Doors::default(), was)).await?;
        tell(&mut context, &self.lane, &done.made, &done.changes)
    }
}

/// What became of a lane.
pub(in crate::verbs) struct Put {
    /// What was made or set on the broker.
    pub(in crate::verbs) made: Vec<String>,
    /// What is not as it was; nothing of a new lane.
    pub(in crate::verbs) changes: Vec<Change>,
    /// The numbers that it has now.
    pub(in crate::verbs) numbers: LaneNumbers,
}

/// Declares a lane with its record. `base` is what its record would be without what was said.
pub(in crate::verbs) async fn put(
    desk: &Desk,
    old: Option<&LaneRecord>,
    base: &LaneRecord,
    new: &LaneRecord,
    choose: impl FnOnce(&LaneNumbers) -> LaneNumbers,
) -> Outcome<Put> {
    sound(new)?;
    lowered(desk, base, new).await?;
    let failed = |error| topology::failure(&error);
    let was = desk.management.lane_numbers(base).await.map_err(failed)?.unwrap_or_default();
    let numbers = choose(&was);
    let made = desk.management.declare_lane(new, &numbers).await.map_err(failed)?.changes;
    let changes = old.map(|old| changes((old, &was), (new, &numbers))).unwrap_or_default();
    Ok(Put { made, changes, numbers })
}

/// A ceiling that is lowered must leave nothing behind that nobody serves any more.
async fn lowered(desk: &Desk, old: &LaneRecord, new: &LaneRecord) -> Outcome {
    if old.priority_max != Priority::High || new.priority_max == Priority::High {
        return Ok(());
    }
    let depths = desk.depths(&new.lane).await?;
    let high = depths.iter().find(|depth| depth.priority == Priority::High && depth.messages > 0);
    high.map_or(Ok(()), |depth| {
        let what = format!("{} messages of high priority wait in {}, which would be served no more", depth.messages, depth.queue);
        Err(Failure::new(Exit::JobFailed, what).advise("wait until it is empty; nothing was changed"))
    })
}

/// What was made and what changed, one line each.
pub(in crate::verbs) fn tell(context: &mut Context, lane: &Lane, made: &[String], changes: &[Change]) -> Outcome {
    for change in made {
        context.out.value(&json!({ "lane": lane, "change": change }), |_| change.clone())?;
    }
    for change in changes {
        context.out.value(&json!({ "lane": lane, "changed": change }), |_| change.text())?;
    }
    if made.is_empty() && changes.is_empty() {
        context.out.value(&json!({ "lane": lane, "change": null }), |_| format!("{lane} was as it should be"))?;
    }
    context.out.flush()
}
