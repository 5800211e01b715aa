//! Which blocks are in memory, and which of them has to go when another one needs its room.

use std::{collections::HashMap, sync::Arc};

use super::{
    block::{Block, Filling, Lease},
    budget::{Budget, Room},
};

/// The blocks of one reader by their index. At most one of an index, so a block is never fetched twice at a time.
#[derive(Debug)]
pub(super) struct Cache {
    blocks: HashMap<u64, Entry>,
    budget: Arc<Budget>,
    /// Counts uses; tells which block was used last.
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    block: Arc<Block>,
    used: u64,
}

/// Neighbouring blocks that one request shall fill.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) first: u64,
    pub(super) blocks: Vec<Filling>,
}

impl Cache {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self { blocks: HashMap::new(), budget, clock: 0 }
    }

    /// Whether a block is there, or on its way.
    pub(super) fn has(&self, index: u64) -> bool {
        self.blocks.get(&index).is_some_and(|entry| entry.block.is_usable())
    }

    /// A hold on a block that is there, or on its way.
    pub(super) fn lease(&mut self, index: u64) -> Option<Lease> {
        self.clock += 1;
        let entry = self.blocks.get_mut(&index).filter(|entry| entry.block.is_usable())?;
        entry.used = self.clock;
        Some(Lease::new(&entry.block))
    }

    /// Makes room for `first` and for the missing blocks right after it, up to `end`. None if there is no room.
    pub(super) fn begin(&mut self, first: u64, end: u64) -> Option<Run> {
        let mut blocks = Vec::new();
        for index in first..end {
            if self.has(index) {
                break;
            }
            let Some(block) = self.insert(index) else { break };
            blocks.push(block);
        }
        (!blocks.is_empty()).then_some(Run { first, blocks })
    }

    fn insert(&mut self, index: u64) -> Option<Filling> {
        // One that failed gives its room to its successor.
        self.blocks.remove(&index);
        let block = Block::new(self.make_room()?);
        let filling = Filling::new(&block);
        self.clock += 1;
        self.blocks.insert(index, Entry { block, used: self.clock });
        Some(filling)
    }

    /// Room for one block, at the cost of the one that was not used for the longest time.
    fn make_room(&mut self) -> Option<Room> {
        loop {
            if let Some(room) = self.budget.take() {
                return Some(room);
            }
            let idle = self.blocks.iter().filter(|(_, entry)| entry.block.is_idle());
            let oldest = idle.min_by_key(|(_, entry)| entry.used).map(|(index, _)| *index)?;
            self.blocks.remove(&oldest);
        }
    }
}
