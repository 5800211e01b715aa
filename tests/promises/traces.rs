//! One trace goes from submit to settle, through the message, and holds nothing that is anybody's secret.

use std::time::Duration;

use serde_json::Value;
use valet_testkit::{Collector, Process, Program, Span};

use crate::stage::{COMMAND_TIMEOUT, Stage};

/// Above the pause between two batches of spans.
const ARRIVAL: Duration = Duration::from_secs(20);

/// Where somebody's own trace stands who runs `valet`.
const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn traced(program: Program, collector: &Collector) -> Program {
    program.env("VALET_TELEMETRY_OTLP_ENDPOINT", collector.url())
}

fn start(stage: &Stage<'_>, collector: &Collector) -> Process {
    stage.start(traced(stage.worker_program(), collector))
}

/// Submits a copy with a tag, and returns the job's id.
fn submit(stage: &Stage<'_>, valet: Program) -> String {
    let input = stage.put("input", "some bytes");
    let arguments = ["--json", "submit", &input, &stage.target("output"), "--preset", "copy"];
    let finished = valet.args(arguments).args(["--tag", "title=private-tag"]).run(COMMAND_TIMEOUT);
    let told: Value = serde_json::from_str(finished.expect_code(0).stdout.trim()).expect("one line of JSON");
    told["id"].as_str().expect("an id").to_owned()
}

fn wait_for_span(collector: &Collector, service: &str, name: &str) -> Span {
    let fits = |span: &Span| span.service == service && span.name == name;
    collector.wait_for_span(&format!("{name} of {service}"), ARRIVAL, fits)
}

#[test]
fn one_trace_goes_from_submit_to_settle() {
    let (stage, collector) = (Stage::new(), Collector::start());
    let _worker = start(&stage, &collector);
    let job = submit(&stage, traced(stage.valet(), &collector).env("TRACEPARENT", CALLER));
    stage.wait(0, &job);

    let submit = wait_for_span(&collector, "valet", "submit");
    assert_eq!((&submit.trace_id[..], submit.parent.as_deref()), (&CALLER[3..35], Some(&CALLER[36..52])));
    let publish = wait_for_span(&collector, "valet", "publish");
    assert_eq!(publish.parent.as_ref(), Some(&submit.span_id));
    let turn = wait_for_span(&collector, "valet-worker", "job");
    assert_eq!(turn.parent.as_ref(), Some(&publish.span_id));
    assert_eq!(turn.attribute("job.id"), Some(job.as_str()));
    for phase in ["admit", "open", "fetch", "check", "store", "report", "settle"] {
        let span = wait_for_span(&collector, "valet-worker", phase);
        assert_eq!(
            (&span.trace_id, span.parent.as_ref()),
            (&submit.trace_id, Some(&turn.span_id)),
            "{phase}"
        );
        assert!(!span.is_error, "{phase}");
    }
    assert!(collector.refused().is_empty(), "{:?}", collector.refused());
    for private in ["private-tag", "sig=", stage.storage.key(), &stage.input] {
        assert!(!collector.text().contains(private), "{private} is in {}", collector.text());
    }
}

#[test]
fn a_job_that_fails_is_a_failure_in_its_trace() {
    let (stage, collector) = (Stage::new(), Collector::start());
    let _worker = start(&stage, &collector);
    let absent = format!("{}/absent", stage.input);
    let job = stage.submit(&absent, &stage.target("output"), &["--preset", "copy"]);
    stage.wait(1, &job);
    let turn = wait_for_span(&collector, "valet-worker", "job");
    assert!(turn.is_error && turn.parent.is_none(), "nobody began its trace before: {turn:?}");
}

#[test]
fn a_collector_that_is_away_costs_a_line_in_the_log_and_nothing_else() {
    let (stage, collector) = (Stage::new(), Collector::start());
    collector.set_down(true);
    let worker = start(&stage, &collector);
    for _ in 0..2 {
        let job = submit(&stage, traced(stage.valet(), &collector));
        stage.wait(0, &job);
        let output = stage.output.clone();
        stage.storage.delete(&output, "output");
    }
    let status = worker.terminate(ARRIVAL);
    assert_eq!(status.code(), Some(0), "{}", worker.stderr());
    assert_eq!(worker.stderr().matches("takes no traces").count(), 1, "{}", worker.stderr());
    assert!(collector.spans().is_empty());
}

#[test]
fn without_a_collector_the_callers_trace_is_still_handed_on() {
    let (stage, collector) = (Stage::new(), Collector::start());
    let _worker = start(&stage, &collector);
    submit(&stage, stage.valet().env("TRACEPARENT", CALLER));
    let turn = wait_for_span(&collector, "valet-worker", "job");
    assert_eq!((&turn.trace_id[..], turn.parent.as_deref()), (&CALLER[3..35], Some(&CALLER[36..52])));
}
