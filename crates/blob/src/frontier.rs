//! How far a file that is written in several places at once is whole from its start on.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use tokio::sync::watch;

/// The written spans, and the end of the first one for whoever follows it.
#[derive(Debug)]
pub(crate) struct Frontier {
    spans: Mutex<Spans>,
    whole: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Spans {
    whole: u64,
    /// Spans beyond the first gap, start to end; neighbours are merged.
    ahead: BTreeMap<u64, u64>,
}

impl Frontier {
    pub(crate) fn new() -> Self {
        Self { spans: Mutex::default(), whole: watch::Sender::new(0) }
    }

    /// Follows the end of what is whole.
    pub(crate) fn follow(&self) -> watch::Receiver<u64> {
        self.whole.subscribe()
    }

    /// The span `start..end` is written.
    pub(crate) fn add(&self, start: u64, end: u64) {
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        spans.add(start, end);
        self.whole.send_replace(spans.whole);
    }
}

impl Spans {
    fn add(&mut self, start: u64, end: u64) {
        if start == self.whole {
            self.whole = end;
            while let Some(end) = self.ahead.remove(&self.whole) {
                self.whole = end;
            }
            return;
        }
        match self.ahead.range_mut(..start).next_back() {
            Some((_, reached)) if *reached == start => *reached = end,
            _ => {
                self.ahead.insert(start, end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frontier_moves_over_spans_that_came_early() {
        let frontier = Frontier::new();
        let follower = frontier.follow();
        let mut seen = Vec::new();
        for (start, end) in [(10, 15), (0, 5), (15, 20), (30, 40), (5, 10), (20, 30)] {
            frontier.add(start, end);
            seen.push(*follower.borrow());
        }
        assert_eq!(seen, [0, 5, 5, 5, 20, 40]);
        assert!(frontier.spans.lock().unwrap().ahead.is_empty());
    }
}
