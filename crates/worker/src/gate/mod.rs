//! Whether jobs may be taken: the one thing that every slot waits for, and that readiness tells.
//!
//! ```text
//! run, stop, eviction ─┐
//! broker, room, storage ┴─▶ Gate (the reasons against) ──▶ slots, /readyz, metrics
//! ```
//!
//! It opens by itself when the last reason is gone. It must never touch a job in hand.

mod links;
mod reason;
pub mod room;
mod storage;

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

pub use links::follow_links;
pub use reason::Reason;
pub use storage::Outages;

/// Whether jobs may be taken. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<BTreeSet<Reason>>>);

impl Default for Gate {
    /// A gate that is closed until the worker has started.
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(BTreeSet::from([Reason::Starting]))))
    }
}

impl Gate {
    /// Takes no job from now on, until each reason is gone. Logged once.
    pub fn close(&self, reason: Reason) {
        self.close_saying(reason, "");
    }

    /// The same with words on what is behind it, which must be safe on a terminal and hold no secret.
    pub fn close_saying(&self, reason: Reason, detail: &str) {
        if !self.0.send_if_modified(|reasons| reasons.insert(reason)) {
            return;
        }
        match reason.advice() {
            Some(advice) => tracing::warn!(reason = reason.code(), detail, "{advice}"),
            None => tracing::debug!(reason = reason.code(), "no job is taken"),
        }
    }

    /// This reason is gone. Logged once.
    pub fn open(&self, reason: Reason) {
        if !self.0.send_if_modified(|reasons| reasons.remove(&reason)) {
            return;
        }
        let left = self.reasons().iter().map(|reason| reason.code()).collect::<Vec<_>>().join(", ");
        match (reason.advice(), left.as_str()) {
            (None, _) => tracing::debug!(reason = reason.code(), left, "over"),
            (Some(_), "") => tracing::info!(reason = reason.code(), "over: jobs are taken again"),
            (Some(_), left) => tracing::info!(reason = reason.code(), left, "over, but jobs must still wait"),
        }
    }

    /// Closes or opens, as `is_closed` says.
    pub fn set(&self, reason: Reason, is_closed: bool) {
        if is_closed { self.close(reason) } else { self.open(reason) }
    }

    /// Ends when jobs may be taken, at once when they may.
    pub async fn opened(&self) {
        // An error would mean that the gate is gone, and we hold it.
        let _ = self.0.subscribe().wait_for(BTreeSet::is_empty).await;
    }

    /// Ends when there is a reason to take no job, at once when there is one.
    pub async fn closed(&self) {
        // As above.
        let _ = self.0.subscribe().wait_for(|reasons| !reasons.is_empty()).await;
    }

    /// What is against taking jobs, in the order of [`Reason::ALL`]; empty when nothing is.
    #[must_use]
    pub fn reasons(&self) -> Vec<Reason> {
        self.0.borrow().iter().copied().collect()
    }

    /// Whether jobs may be taken now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn it_opens_when_the_last_reason_is_gone_and_not_before() {
        let gate = Gate::default();
        assert_eq!(gate.reasons(), [Reason::Starting]);
        gate.close(Reason::ScratchFull);
        gate.open(Reason::Starting);
        assert!(gate.opened().now_or_never().is_none() && !gate.is_open());
        gate.open(Reason::ScratchFull);
        gate.open(Reason::ScratchFull);
        assert!(gate.opened().now_or_never().is_some() && gate.is_open());
    }

    #[test]
    fn reasons_are_told_in_their_order() {
        let gate = Gate::default();
        Reason::ALL.iter().rev().for_each(|reason| gate.close(*reason));
        assert_eq!(gate.reasons(), Reason::ALL);
    }
}
