//! How many blocks are in memory: a count that is never exceeded, and news for those who wait for room.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::watch;

/// The count of one reader's blocks.
#[derive(Debug)]
pub(super) struct Budget {
    used: watch::Sender<usize>,
    max: usize,
    peak: AtomicUsize,
}

impl Budget {
    /// Room for `max` blocks.
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { used: watch::Sender::new(0), max, peak: AtomicUsize::new(0) })
    }

    /// Room for one block, if there is any.
    pub(super) fn take(self: &Arc<Self>) -> Option<Room> {
        let taken = self.used.send_if_modified(|used| {
            let fits = *used < self.max;
            *used += usize::from(fits);
            fits
        });
        taken.then(|| {
            self.peak.fetch_max(*self.used.borrow(), Ordering::Relaxed);
            Room(Arc::clone(self))
        })
    }

    /// Wakes whenever there may be room.
    pub(super) fn follow(&self) -> watch::Receiver<usize> {
        self.used.subscribe()
    }

    /// The most blocks that there were at any time.
    pub(super) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }
}

/// One block's place in the budget, until it is dropped.
#[derive(Debug)]
pub(super) struct Room(Arc<Budget>);

impl Room {
    /// Tells, when it is dropped, that the block may have become nobody's.
    pub(super) fn news(&self) -> News {
        News(Arc::clone(&self.0))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.used.send_modify(|used| *used -= 1);
    }
}

/// See [`Room::news`].
#[derive(Debug)]
pub(super) struct News(Arc<Budget>);

impl Drop for News {
    fn drop(&mut self) {
        self.0.used.send_modify(|_| ());
    }
}
