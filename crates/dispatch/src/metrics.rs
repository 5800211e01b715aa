//! What the dispatcher counts, in Prometheus' text format.
//!
//! It must never tell a job's id, a blob, a tag, or any other text of a message that is not bounded.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use valet_broker::LinkState;
use valet_daemon::labels::{Lanes, Link, note_links};
use valet_protocol::{Lane, Reason, Report, ReportData, Stored};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLane {
    lane: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    lane: String,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    lane: String,
    end: &'static str,
}

/// The dispatcher's metrics. Clones are the same.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    registry: Registry,
    lanes: Lanes,
    sent: Family<OfLane, Counter>,
    refused: Family<Refused, Counter>,
    ended: Family<Ended, Counter>,
    input_bytes: Family<OfLane, Counter>,
    output_bytes: Family<OfLane, Counter>,
    codec_seconds: Family<OfLane, Counter<f64, AtomicU64>>,
    leads: Gauge,
    target: Gauge,
    links: Family<Link, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut counted = Counted {
            registry: Registry::with_prefix("valet_dispatch"),
            lanes: Lanes::default(),
            sent: Family::default(),
            refused: Family::default(),
            ended: Family::default(),
            input_bytes: Family::default(),
            output_bytes: Family::default(),
            codec_seconds: Family::default(),
            leads: Gauge::default(),
            target: Gauge::default(),
            links: Family::default(),
        };
        counted.register();
        Self(Arc::new(counted))
    }
}

impl Metrics {
    /// A job was sent to the workers.
    pub fn send(&self, lane: &Lane) {
        self.0.sent.get_or_create(&self.lane(lane)).inc();
    }

    /// A message was refused.
    pub fn refuse(&self, lane: &Lane, reason: Reason) {
        let lane = self.0.lanes.label(lane.as_str());
        self.0.refused.get_or_create(&Refused { lane, reason: reason.code() }).inc();
    }

    /// A report was read. What ends a job counts, with what it cost.
    pub fn read(&self, report: &Report) {
        if !report.is_final() {
            return;
        }
        let lane = self.lane(&report.lane);
        self.0.ended.get_or_create(&Ended { lane: lane.lane.clone(), end: report.kind().word() }).inc();
        if let ReportData::Succeeded(success) = &report.data
            && success.stored != Stored::Found
        {
            self.0.input_bytes.get_or_create(&lane).inc_by(success.input_bytes);
            self.0.output_bytes.get_or_create(&lane).inc_by(success.output_bytes.unwrap_or_default());
            let seconds = std::time::Duration::from_millis(success.timings.codec_ms).as_secs_f64();
            self.0.codec_seconds.get_or_create(&lane).inc_by(seconds);
        }
    }

    /// Whether this dispatcher leads, and how many jobs it keeps waiting in front of the workers.
    pub fn note(&self, leads: bool, target: u32) {
        self.0.leads.set(i64::from(leads));
        self.0.target.set(i64::from(target));
    }

    /// Everything, with the states of the two connections now.
    #[must_use]
    pub fn encode(&self, publish: &LinkState, consume: &LinkState) -> String {
        note_links(&self.0.links, publish, consume);
        let mut text = String::new();
        // It fails only where the text does, and a String never does.
        let _ = encode(&mut text, &self.0.registry);
        text
    }

    fn lane(&self, lane: &Lane) -> OfLane {
        OfLane { lane: self.0.lanes.label(lane.as_str()) }
    }
}

impl Counted {
    fn register(&mut self) {
        let to = &mut self.registry;
        to.register("jobs_sent", "Jobs sent to the workers", self.sent.clone());
        to.register("messages_refused", "Messages that were refused, and why", self.refused.clone());
        to.register("jobs_ended", "Ends of jobs, as reports told", self.ended.clone());
        to.register("input_bytes", "Bytes of the inputs of successful jobs", self.input_bytes.clone());
        to.register("output_bytes", "Bytes stored", self.output_bytes.clone());
        to.register("codec_seconds", "Wall clock of codecs of successful jobs", self.codec_seconds.clone());
        to.register("leads", "1 while this dispatcher serves the lanes", self.leads.clone());
        to.register("feed_target", "Jobs that are kept waiting in front of the workers", self.target.clone());
        to.register("broker_link", "1 for the state that a connection is in", self.links.clone());
    }
}
