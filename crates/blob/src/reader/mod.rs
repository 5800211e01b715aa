//! Random access to an opened input without downloading it: blocks are fetched when they are asked for, or shortly
//! before, and kept in a fixed budget of memory.
//!
//! ```text
//! cursor ── lease ──▶ cache ── begin ──▶ fill ── RangeRead ──▶ storage
//!    ▲                  │                  │
//!    └───── pieces ◀── block ◀─────────────┘
//! ```
//!
//! Memory is bounded by the options whatever the blob's length, however many cursors there are, and however slow
//! they are. No byte is ever asked for outside the blob.

mod block;
mod budget;
mod cache;
mod cursor;
mod fill;
mod waits;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::{sync::watch, task::JoinSet};

use crate::{Input, StorageError};

pub use cursor::Cursor;

use block::Lease;
use budget::Budget;
use cache::{Cache, Run};
use fill::Traffic;
use waits::{Wait, Waits};

/// How an input is read at random. The defaults were measured with ffmpeg against storage 15 ms away.
#[derive(Debug, Clone)]
pub struct ReaderOptions {
    /// Length of one block in bytes; at least 1. Smaller ones cost round trips, larger ones bytes that nobody reads.
    pub block_bytes: u64,
    /// What the first request after a seek asks for, in bytes.
    pub first_bytes: u64,
    /// What one request asks for at most, in bytes: a steady reader's window doubles up to it. Never more than a
    /// quarter of the memory.
    pub window_bytes_max: u64,
    /// What all blocks together may hold in memory, in bytes; at least one block. Blocks on their way count in full.
    pub memory_bytes_max: u64,
    /// When reading must have ended; `None`: no new try after the grant's expiry, else open.
    pub deadline: Option<Timestamp>,
}

impl Default for ReaderOptions {
    /// Blocks of 512 KiB, 1 MiB first, then up to 8 MiB; 32 MiB of memory; no deadline.
    fn default() -> Self {
        Self {
            block_bytes: 512 << 10,
            first_bytes: 1 << 20,
            window_bytes_max: 8 << 20,
            memory_bytes_max: 32 << 20,
            deadline: None,
        }
    }
}

/// What a reader has cost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadStats {
    /// GETs sent, repeated ones included.
    pub requests: u64,
    /// Body bytes that came.
    pub fetched_bytes: u64,
    /// The most memory that blocks held at any time, in bytes.
    pub memory_bytes_peak: u64,
}

/// Random access to one opened input. Clones share the cache; when the last of them and their cursors is gone,
/// every fetch ends.
#[derive(Debug, Clone)]
pub struct Reader(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    input: Input,
    options: ReaderOptions,
    budget: Arc<Budget>,
    traffic: Arc<Traffic>,
    waits: Waits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    cache: Cache,
    /// Aborts them when it is dropped.
    fetches: JoinSet<()>,
}

impl Reader {
    /// Reads `input`; asks for nothing yet. Cursors must be used within a tokio runtime.
    pub fn new(input: Input, options: ReaderOptions) -> Self {
        let options = within_memory(options);
        let blocks_max = (options.memory_bytes_max / options.block_bytes).max(1);
        let budget = Budget::new(usize::try_from(blocks_max).unwrap_or(usize::MAX));
        let state = State { cache: Cache::new(Arc::clone(&budget)), fetches: JoinSet::new() };
        let (traffic, waits) = (Arc::default(), Waits::default());
        Self(Arc::new(Shared { input, options, budget, traffic, waits, state: Mutex::new(state) }))
    }

    /// Length of the blob in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.input.bytes()
    }

    /// Reads `from..to` in order; what lies beyond the blob is left out.
    pub fn cursor(&self, from: u64, to: u64) -> Cursor {
        Cursor::new(self.clone(), from, to.min(self.bytes()))
    }

    /// What reading has cost so far.
    pub fn stats(&self) -> ReadStats {
        let Shared { budget, traffic, options, .. } = &*self.0;
        ReadStats {
            requests: traffic.requests(),
            fetched_bytes: traffic.bytes(),
            memory_bytes_peak: budget.peak() as u64 * options.block_bytes,
        }
    }

    /// What to tell of a read that is given up now, if a cursor has waited for bytes for `at_least` without a break.
    /// None when nobody waits as long: whoever reads is slow by itself then, and storage is not to blame.
    pub fn late(&self, at_least: Duration) -> Option<StorageError> {
        let waited = self.0.waits.longest(Instant::now()).filter(|waited| *waited >= at_least)?;
        Some(self.0.input.subject.silent_for(waited))
    }

    /// A cursor wants bytes until what this returns is dropped.
    fn wait(&self) -> Wait {
        self.0.waits.begin(Instant::now())
    }

    fn options(&self) -> &ReaderOptions {
        &self.0.options
    }

    /// The block `index`. If it is not there or on its way, it is asked for, and those after it up to `end` with it.
    /// Waits while all memory is in others' hands.
    async fn lease(&self, index: u64, end: u64, alive: &watch::Sender<()>) -> Lease {
        let mut budget = self.0.budget.follow();
        loop {
            // What changes from here on wakes us below.
            budget.mark_unchanged();
            if let Some(lease) = self.try_lease(index, end, alive) {
                return lease;
            }
            // It cannot be closed: the budget lives as long as we do.
            let _ = budget.changed().await;
        }
    }

    fn try_lease(&self, index: u64, end: u64, alive: &watch::Sender<()>) -> Option<Lease> {
        let mut state = self.state();
        if let Some(lease) = state.cache.lease(index) {
            return Some(lease);
        }
        let run = state.cache.begin(index, end)?;
        self.fetch(&mut state, run, alive);
        state.cache.lease(index)
    }

    /// Asks for those blocks of `start..end` that are not there, as far as there is room.
    fn prefetch(&self, start: u64, end: u64, alive: &watch::Sender<()>) {
        let mut state = self.state();
        let mut next = start;
        while next < end {
            if state.cache.has(next) {
                next += 1;
                continue;
            }
            let Some(run) = state.cache.begin(next, end) else { return };
            next += run.blocks.len() as u64;
            self.fetch(&mut state, run, alive);
        }
    }

    fn fetch(&self, state: &mut State, run: Run, alive: &watch::Sender<()>) {
        while state.fetches.try_join_next().is_some() {}
        let Shared { input, options, traffic, .. } = &*self.0;
        let start = run.first * options.block_bytes;
        let end = start.saturating_add(run.blocks.len() as u64 * options.block_bytes).min(input.bytes());
        // The task must not hold the reader itself: it would keep itself alive.
        let sink = fill::BlockSink::new(run.blocks, start, end, options.block_bytes, Arc::clone(traffic));
        state.fetches.spawn(fill::fill(input.clone(), sink, options.deadline, alive.subscribe()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A window being read, the one that is fetched meanwhile, and as much again for whoever else reads: what is fetched
/// ahead must not drive out what is about to be read.
fn within_memory(options: ReaderOptions) -> ReaderOptions {
    let block_bytes = options.block_bytes.max(1);
    let window_bytes_max = options.window_bytes_max.min(options.memory_bytes_max / 4).max(block_bytes);
    let first_bytes = options.first_bytes.clamp(block_bytes, window_bytes_max);
    ReaderOptions { block_bytes, first_bytes, window_bytes_max, ..options }
}
