//! Health, readiness and metrics over HTTP, for whoever watches over workers; off unless `worker.listen` is set.
//!
//! | path | says |
//! |---|---|
//! | `/healthz` | 200 while the process works and all its slots are alive; else 503. Without what makes jails it ends |
//! | `/readyz` | 200 while jobs are taken; else 503 with every reason; with the walls of the codecs |
//! | `/metrics` | Prometheus' text |
//!
//! Whoever reaches the port may ask, so that it must never tell what belongs to a job, nor let anything be changed,
//! and what asking costs is bounded.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::json;
use valet_daemon::health::{Links, Told};

use crate::gate::{Gate, Reason};
use crate::job::Worker;
use crate::metrics::{Glance, Metrics};
use crate::scratch::Scratch;

/// What is told about this worker. Clones tell the same.
#[derive(Debug, Clone)]
pub struct Health(Arc<Watched>);

#[derive(Debug)]
struct Watched {
    gate: Gate,
    metrics: Metrics,
    scratch: Scratch,
    walls: Tested,
    /// Slots that there should be.
    slots_wanted: usize,
    slots: AtomicUsize,
    /// Nothing before the first connection.
    links: OnceLock<Links>,
}

/// The codecs' walls, as the self-test found them.
#[derive(Debug)]
struct Tested {
    level: String,
    /// Attempts of the self-test, all of them refused.
    attempts_refused: usize,
}

/// A slot that is alive, until this is dropped.
#[derive(Debug)]
pub struct Alive(Health);

impl Health {
    /// Tells about this worker, which has so many slots.
    #[must_use]
    pub fn new(gate: Gate, worker: &Worker, slots_wanted: usize) -> Self {
        let walls = &worker.walls;
        let level = walls.codec.level.to_string();
        Self(Arc::new(Watched {
            gate,
            metrics: worker.metrics.clone(),
            scratch: worker.scratch.clone(),
            walls: Tested { level, attempts_refused: walls.attempts },
            slots_wanted,
            slots: AtomicUsize::new(0),
            links: OnceLock::new(),
        }))
    }

    /// Tells about these connections too.
    pub fn link(&self, links: Links) {
        // The first ones are the only ones.
        let _ = self.0.links.set(links);
    }

    /// A slot has begun.
    #[must_use]
    pub fn slot(&self) -> Alive {
        self.0.slots.fetch_add(1, Ordering::Relaxed);
        Alive(self.clone())
    }
}

impl Told for Health {
    fn health(&self) -> (bool, serde_json::Value) {
        let slots = self.0.slots.load(Ordering::Relaxed);
        // A slot ends when there are to be no more jobs, and starts once there may be.
        let ending = [Reason::Starting, Reason::Draining, Reason::Evicted];
        let expected = !self.0.gate.reasons().iter().any(|reason| ending.contains(reason));
        let is_well = !expected || slots == self.0.slots_wanted;
        let status = if is_well { "ok" } else { "unwell" };
        (is_well, json!({ "status": status, "slots": slots }))
    }

    fn readiness(&self) -> (bool, serde_json::Value) {
        let reasons: Vec<&str> = self.0.gate.reasons().into_iter().map(Reason::code).collect();
        let is_ready = reasons.is_empty();
        let Tested { level, attempts_refused } = &self.0.walls;
        let jail = json!({ "level": level, "attempts_refused": attempts_refused });
        let warnings = Links::warnings(&self.0.links);
        (is_ready, json!({ "ready": is_ready, "reasons": reasons, "warnings": warnings, "jail": jail }))
    }

    fn metrics(&self) -> String {
        let (publish, consume) = Links::states(&self.0.links);
        let glance = Glance {
            reasons: &self.0.gate.reasons(),
            publish: &publish,
            consume: &consume,
            room_bytes: self.0.scratch.room_bytes().unwrap_or_default(),
            slots: self.0.slots.load(Ordering::Relaxed),
        };
        self.0.metrics.encode(&glance)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.slots.fetch_sub(1, Ordering::Relaxed);
    }
}
