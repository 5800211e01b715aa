//! The room that is promised to jobs: what each may still write, and what was refused lately.
//! It must never keep a job's file alive: the file's bytes come back when its job lets go of it.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// First and longest time for which a refused need keeps other jobs away; each in a row is twice the one before, so
/// that one job that is too large for this disk does not stop all the others for long.
const REFUSED_HOLD: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// Bytes of one block of `st_blocks`, whatever the file system's own blocks are.
const BLOCK_BYTES: u64 = 512;

/// All promises of one worker.
#[derive(Debug, Default)]
pub(super) struct Promises {
    state: Mutex<State>,
    /// Told of each refusal.
    pub(super) refusals: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Promises that are gone are passed over, and removed by the next one.
    made: Vec<Weak<Promise>>,
    refused: Option<Refused>,
}

/// What was refused last.
#[derive(Debug, Clone, Copy)]
struct Refused {
    needed_bytes: u64,
    until: Instant,
    hold: Duration,
}

/// Room for one job; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Promise {
    bytes: u64,
    file: Mutex<Weak<File>>,
}

impl Promises {
    /// Bytes that jobs may still write.
    pub(super) fn unwritten_bytes(&self) -> u64 {
        self.state().unwritten_bytes()
    }

    /// Promises `needed_bytes`, if there is room: `room_bytes` is asked for what is left beside that many promised
    /// bytes.
    pub(super) fn make<E: From<Refusal>>(
        &self,
        needed_bytes: u64,
        room_bytes: impl FnOnce(u64) -> Result<u64, E>,
    ) -> Result<Arc<Promise>, E> {
        // Looked at under the lock, so that two jobs at the same time never both fit.
        let mut state = self.state();
        let room_bytes = room_bytes(state.unwritten_bytes())?;
        if needed_bytes > room_bytes {
            state.refuse(needed_bytes, Instant::now());
            self.refusals.notify_one();
            return Err(Refusal { needed_bytes, room_bytes }.into());
        }
        // The next refusal is the first of its row, unless jobs are still kept away by this one.
        state.refused = state.refused.filter(|refused| Instant::now() < refused.until);
        let promise = Arc::new(Promise { bytes: needed_bytes, file: Mutex::default() });
        state.made.retain(|promise| promise.strong_count() > 0);
        state.made.push(Arc::downgrade(&promise));
        Ok(promise)
    }

    /// What was refused last, while it counts at `now`.
    pub(super) fn refused_bytes(&self, now: Instant) -> Option<u64> {
        self.state().refused.filter(|refused| now < refused.until).map(|refused| refused.needed_bytes)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that were needed and not there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    pub(super) needed_bytes: u64,
    pub(super) room_bytes: u64,
}

impl State {
    fn unwritten_bytes(&self) -> u64 {
        self.made.iter().filter_map(Weak::upgrade).map(|promise| promise.unwritten_bytes()).sum()
    }

    fn refuse(&mut self, needed_bytes: u64, now: Instant) {
        let hold = match self.refused {
            // Of jobs that were taken together, all but the first say nothing new.
            Some(refused) if now < refused.until => refused.hold,
            Some(refused) => (refused.hold * 2).min(REFUSED_HOLD.1),
            None => REFUSED_HOLD.0,
        };
        self.refused = Some(Refused { needed_bytes, until: now + hold, hold });
    }
}

impl Promise {
    /// What is written to `file` is written to this room.
    pub(super) fn count(&self, file: &Arc<File>) {
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(file);
    }

    fn unwritten_bytes(&self) -> u64 {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        // By its descriptor, since it has no name once its jail stands; blocks, since holes take no room.
        let written =
            file.and_then(|file| file.metadata().ok()).map_or(0, |file| file.blocks() * BLOCK_BYTES);
        self.bytes.saturating_sub(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_need_counts_for_longer_each_time_but_never_for_more_than_a_minute() {
        let start = Instant::now();
        let mut state = State::default();
        let mut now = start;
        let mut holds = Vec::new();
        for _ in 0..6 {
            state.refuse(1, now);
            state.refuse(2, now);
            let refused = state.refused.unwrap();
            holds.push(refused.until.duration_since(now).as_secs());
            now = refused.until;
        }
        assert_eq!(holds, [5, 10, 20, 40, 60, 60]);
    }
}
