//! What each lane is allowed (`lanes.log`): every record that is kept, then each as it comes. A lane's last one counts.
//!
//! Must never miss one: it is read from the first entry, and resumed by offset.

use crate::{
    link::Link,
    log::{Entry, Item, Log, LogError, Start, chain},
    topology::names::{LANES_LOG, is_reserved},
};
use lapin::message::Delivery;
use valet_protocol::LaneRecord;

/// One thing read from the log of lanes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LaneItem {
    /// What a lane is allowed from now on.
    Record(Box<LaneRecord>),
    /// All records that were there when the reader began have been given out. Comes exactly once.
    CaughtUp,
    /// A message that is no record. It is skipped, never an end.
    Malformed {
        /// Its place in the log.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
}

/// A reader of the records. Reconnects by itself and goes on where it was; ends when it is dropped.
#[derive(Debug)]
pub struct LaneLog(Log<LaneRecord>);

impl LaneLog {
    pub(crate) fn start(link: Link) -> Self {
        // Who reads it may not write to it.
        Self(Log::replay(link, Start::First, None))
    }

    /// The next item; waits for new records for ever. Cancel-safe.
    pub async fn next(&mut self) -> Result<LaneItem, LogError> {
        loop {
            return Ok(match self.0.next().await? {
                Item::Entry { entry, .. } => LaneItem::Record(entry),
                Item::Malformed { offset, problem } => LaneItem::Malformed { offset, problem },
                Item::Mark { .. } => continue,
                Item::CaughtUp => LaneItem::CaughtUp,
            });
        }
    }
}

impl Entry for LaneRecord {
    const QUEUE: &'static str = LANES_LOG;

    fn read(delivery: &Delivery) -> Result<Self, String> {
        let record = Self::decode(&delivery.data).map_err(|error| chain(&error))?;
        // Its queues would be others': nobody could have declared it.
        match is_reserved(&record.lane) {
            true => Err(format!("no lane can be called {}", record.lane)),
            false => Ok(record),
        }
    }
}
