//! What the dispatcher tells whoever watches over it. It must never tell what belongs to a job.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::json;
use valet_broker::LinkState;
use valet_daemon::health::{Links, Told};

use crate::metrics::Metrics;

/// What is told about this dispatcher. Clones tell the same.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Watched>);

#[derive(Debug, Default)]
struct Watched {
    metrics: Metrics,
    links: OnceLock<Links>,
    leads: AtomicBool,
    drains: AtomicBool,
}

impl Health {
    /// What it counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Tells about these connections too.
    pub fn link(&self, links: Links) {
        // The first ones are the only ones.
        let _ = self.0.links.set(links);
    }

    /// It leads, or waits for somebody else's place.
    pub fn lead(&self, leads: bool) {
        self.0.leads.store(leads, Ordering::Relaxed);
    }

    /// It was told to stop.
    pub fn drain(&self) {
        self.0.drains.store(true, Ordering::Relaxed);
    }
}

impl Told for Health {
    fn health(&self) -> (bool, serde_json::Value) {
        // It restarts what fails; a process that answers is one that works.
        (true, json!({ "status": "ok" }))
    }

    fn readiness(&self) -> (bool, serde_json::Value) {
        let (publish, consume) = Links::states(&self.0.links);
        let mut reasons = Vec::new();
        if self.0.drains.load(Ordering::Relaxed) {
            reasons.push("draining");
        }
        if [&publish, &consume]
            .iter()
            .any(|link| matches!(link, LinkState::Connecting { .. } | LinkState::Closed))
        {
            reasons.push("broker-away");
        }
        if [&publish, &consume].iter().any(|link| matches!(link, LinkState::Blocked { .. })) {
            reasons.push("broker-blocked");
        }
        let leads = self.0.leads.load(Ordering::Relaxed);
        // Who waits for the lead is as ready as who has it.
        (reasons.is_empty(), json!({ "ready": reasons.is_empty(), "reasons": reasons, "leads": leads }))
    }

    fn metrics(&self) -> String {
        let (publish, consume) = Links::states(&self.0.links);
        self.0.metrics.encode(&publish, &consume)
    }
}
