//! What the worker counts, in Prometheus' text format.
//!
//! It must never tell a job's id, a blob, a tag, or any other text of a message that is not bounded (`labels`).

mod labels;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use valet_broker::LinkState;
use valet_daemon::labels::{Lanes, Link, OTHER, note_links};
use valet_protocol::{JobMessage, Reason, ReportData, Stored, Timings};

use crate::disposition::{Class, Decision};
use crate::gate;
use labels::{Against, Build, Ended, Phase, Stage};

/// The worker's metrics. Clones are the same.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Counted>);

/// What is looked at when metrics are asked for.
#[derive(Debug)]
pub struct Glance<'a> {
    /// What is against taking jobs.
    pub reasons: &'a [gate::Reason],
    /// The publishing connection.
    pub publish: &'a LinkState,
    /// The consuming connection.
    pub consume: &'a LinkState,
    /// Room for new jobs' files, in bytes.
    pub room_bytes: u64,
    /// Slots at work.
    pub slots: usize,
}

/// A job in hand, counted until it is dropped.
#[derive(Debug)]
pub struct InHand(Gauge);

#[derive(Debug)]
struct Counted {
    registry: Registry,
    lanes: Lanes,
    ended: Family<Ended, Counter>,
    in_hand: Gauge,
    attempts: Family<Stage, Counter>,
    redelivered: Counter,
    phases: Family<Phase, Histogram, fn() -> Histogram>,
    codec_seconds: Counter<f64, AtomicU64>,
    input_bytes: Counter,
    output_bytes: Counter,
    against: Family<Against, Gauge>,
    links: Family<Link, Gauge>,
    room_bytes: Gauge<u64, AtomicU64>,
    slots: Gauge,
}

/// 50 ms to about two hours.
fn phase_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.05, 2.0, 18))
}

impl Metrics {
    /// Nothing counted yet. `jail` and `codec` say what codecs run behind, and which.
    #[must_use]
    pub fn new(jail: String, codec: String) -> Self {
        let build = Info::new(Build { version: env!("CARGO_PKG_VERSION"), jail, codec });
        let mut counted = Counted {
            registry: Registry::with_prefix("valet_worker"),
            lanes: Lanes::default(),
            ended: Family::default(),
            in_hand: Gauge::default(),
            attempts: Family::default(),
            redelivered: Counter::default(),
            phases: Family::new_with_constructor(phase_histogram),
            codec_seconds: Counter::default(),
            input_bytes: Counter::default(),
            output_bytes: Counter::default(),
            against: Family::default(),
            links: Family::default(),
            room_bytes: Gauge::default(),
            slots: Gauge::default(),
        };
        counted.register(build);
        Self(Arc::new(counted))
    }

    /// A job was taken, at this stage (1 to 3) of its way.
    #[must_use]
    pub fn take(&self, stage: u32, redelivered: bool) -> InHand {
        self.0.attempts.get_or_create(&Stage { stage }).inc();
        self.0.redelivered.inc_by(u64::from(redelivered));
        self.0.in_hand.inc();
        InHand(self.0.in_hand.clone())
    }

    /// A turn at a job, or at a message that was no job, has ended so.
    pub fn end(&self, job: Option<&JobMessage>, decision: &Decision) {
        let lane = job.map_or_else(|| OTHER.to_owned(), |job| self.0.lanes.label(&job.lane.to_string()));
        let preset = job.map_or(OTHER, |job| known_preset(&job.preset.name)).to_owned();
        let reason = decision.case.reason().map_or("none", Reason::code).to_owned();
        self.0.ended.get_or_create(&Ended { lane, preset, outcome: outcome(decision), reason }).inc();
    }

    /// What a success cost. Once for each: a turn that only tells it again costs nothing.
    pub fn count(&self, decision: &Decision) {
        let Some(ReportData::Succeeded(success)) = &decision.report else { return };
        // What was found in place was not made by this worker's turn.
        if success.stored == Stored::Found {
            return;
        }
        self.0.input_bytes.inc_by(success.input_bytes);
        self.0.output_bytes.inc_by(success.output_bytes.unwrap_or_default());
        self.0.codec_seconds.inc_by(seconds(success.timings.codec_ms));
        for (phase, milliseconds) in phases(&success.timings) {
            self.0.phases.get_or_create(&Phase { phase }).observe(seconds(milliseconds));
        }
    }

    /// Everything, with what a glance shows now.
    #[must_use]
    pub fn encode(&self, glance: &Glance<'_>) -> String {
        self.0.look(glance);
        let mut text = String::new();
        // It fails only where the text does, and a String never does.
        let _ = encode(&mut text, &self.0.registry);
        text
    }
}

impl Counted {
    fn register(&mut self, build: Info<Build>) {
        let to = &mut self.registry;
        to.register("build", "What is running", build);
        to.register("attempts", "Attempts taken, by the stage of the retry path", self.attempts.clone());
        to.register("attempts_ended", "What became of attempts, and why", self.ended.clone());
        to.register("jobs_in_hand", "Jobs at work now", self.in_hand.clone());
        to.register("redeliveries", "Attempts that the broker gave out again", self.redelivered.clone());
        to.register("phase_seconds", "Time of successful jobs, by phase", self.phases.clone());
        to.register("codec_seconds", "Wall clock of codecs of successful jobs", self.codec_seconds.clone());
        to.register("input_bytes", "Bytes of the inputs of successful jobs", self.input_bytes.clone());
        to.register("output_bytes", "Bytes stored", self.output_bytes.clone());
        to.register("gate_closed", "1 while this is a reason to take no job", self.against.clone());
        to.register("broker_link", "1 for the state that a connection is in", self.links.clone());
        to.register("scratch_room_bytes", "Room for the files of new jobs", self.room_bytes.clone());
        to.register("slots", "Slots that are alive", self.slots.clone());
    }

    fn look(&self, glance: &Glance<'_>) {
        for reason in gate::Reason::ALL {
            let closed = i64::from(glance.reasons.contains(&reason));
            self.against.get_or_create(&Against { reason: reason.code() }).set(closed);
        }
        note_links(&self.links, glance.publish, glance.consume);
        self.room_bytes.set(glance.room_bytes);
        self.slots.set(i64::try_from(glance.slots).unwrap_or(i64::MAX));
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The kind of its last report, or what became of a turn without one.
fn outcome(decision: &Decision) -> &'static str {
    match &decision.report {
        Some(report) => report.kind().word(),
        None if decision.case.class() == Class::TakenBack => "lost",
        None => "handed-back",
    }
}

/// A preset's own name, if there is such a one: a message may name anything.
fn known_preset(name: &str) -> &'static str {
    valet_preset::find(name).map_or(OTHER, |info| info.name)
}

fn phases(timings: &Timings) -> [(&'static str, u64); 6] {
    [
        ("queue", timings.queue_ms),
        ("fetch", timings.fetch_ms),
        ("codec", timings.codec_ms),
        ("check", timings.check_ms),
        ("store", timings.store_ms),
        ("total", timings.total_ms),
    ]
}

fn seconds(milliseconds: u64) -> f64 {
    std::time::Duration::from_millis(milliseconds).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disposition::Case;

    fn glance<'a>(reasons: &'a [gate::Reason], state: &'a LinkState) -> Glance<'a> {
        Glance { reasons, publish: state, consume: state, room_bytes: 7, slots: 1 }
    }

    #[test]
    fn names_of_messages_become_no_labels_unless_they_are_known() {
        let metrics = Metrics::new("L1".to_owned(), "ffmpeg 5".to_owned());
        let mut job = crate::sample::job(jiff::Timestamp::now());
        job.preset.name = "attacker\"} 1".to_owned();
        let silent = |case| Decision::silent(case, String::new());
        metrics.end(Some(&job), &silent(Case::WorkerEnding));
        job.preset.name = "copy".to_owned();
        metrics.end(Some(&job), &silent(Case::LeaseLost));
        let text = metrics.encode(&glance(&[gate::Reason::ScratchFull], &LinkState::Up));
        assert!(text.contains(r#"preset="other",outcome="handed-back",reason="none"} 1"#), "{text}");
        assert!(text.contains(r#"preset="copy",outcome="lost",reason="none"} 1"#), "{text}");
        assert!(!text.contains("attacker") && !text.contains(&job.id.to_string()), "{text}");
    }

    #[test]
    fn a_glance_shows_gate_links_and_room() {
        let metrics = Metrics::new("L2".to_owned(), "ffmpeg 5".to_owned());
        let in_hand = metrics.take(2, true);
        let blocked = LinkState::Blocked { reason: "low on disk".to_owned() };
        let text = metrics.encode(&glance(&[gate::Reason::BrokerBlocked], &blocked));
        let lines = [
            r#"valet_worker_gate_closed{reason="broker-blocked"} 1"#,
            r#"valet_worker_gate_closed{reason="scratch-full"} 0"#,
            r#"valet_worker_broker_link{link="publish",state="blocked"} 1"#,
            r#"valet_worker_attempts_total{stage="2"} 1"#,
            "valet_worker_scratch_room_bytes 7",
            "valet_worker_jobs_in_hand 1",
        ];
        lines.iter().for_each(|line| assert!(text.contains(line), "{line} is not in {text}"));
        drop(in_hand);
        let text = metrics.encode(&glance(&[], &LinkState::Up));
        assert!(text.contains("valet_worker_jobs_in_hand 0"), "{text}");
        assert!(text.contains(r#"valet_worker_broker_link{link="publish",state="blocked"} 0"#), "{text}");
    }
}
