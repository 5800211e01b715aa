//! Whoever watches over a worker learns over HTTP whether it works, whether it takes jobs, and what it did; and
//! nothing that belongs to a job.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use valet_testkit::port::Port;
use valet_testkit::{Process, Program, http, media, wait_for};

use crate::stage::{COMMAND_TIMEOUT, Stage};

/// Well above what the end of a worker takes that hands back.
const END_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a worker tells about itself.
pub(crate) struct Watched {
    port: Port,
}

impl Watched {
    /// A free port.
    pub(crate) fn reserve() -> Self {
        Self { port: Port::reserve() }
    }

    /// The worker, told to listen there.
    pub(crate) fn on(&self, worker: Program) -> Program {
        worker.env("VALET_WORKER_LISTEN", self.address())
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    /// What is answered there.
    pub(crate) fn ask(&self, method: &str, path: &str) -> http::Answer {
        let answer = http::send(method, &format!("http://{}{path}", self.address()), &[], ());
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Status and document of a path in JSON.
    pub(crate) fn document(&self, path: &str) -> (u16, Value) {
        let answer = self.ask("GET", path);
        (answer.status, serde_json::from_slice(&answer.body).expect("JSON"))
    }

    /// Waits until the worker takes no job for this reason.
    #[track_caller]
    pub(crate) fn wait_for_reason(&self, reason: &str, worker: &Process) {
        wait_for(&format!("{reason} to be a reason"), COMMAND_TIMEOUT, || {
            let (status, document) = self.document("/readyz");
            let is_told = document["reasons"].as_array().is_some_and(|all| all.contains(&reason.into()));
            if is_told && status == 503 { Ok(()) } else { Err(format!("{document}\n{}", worker.stderr())) }
        });
    }

    /// Waits until the worker takes jobs.
    #[track_caller]
    pub(crate) fn wait_until_ready(&self, worker: &Process) {
        wait_for("the worker to be ready", COMMAND_TIMEOUT, || {
            let (status, document) = self.document("/readyz");
            if status == 200 { Ok(()) } else { Err(format!("{document}\n{}", worker.stderr())) }
        });
    }

    /// The metrics as they are now.
    pub(crate) fn metrics(&self) -> String {
        self.ask("GET", "/metrics").text()
    }
}

#[test]
fn a_worker_is_well_and_ready_and_tells_its_walls() {
    let (stage, watched) = (Stage::new(), Watched::reserve());
    let worker = stage.start(watched.on(stage.worker_program()).env("VALET_WORKER_SLOTS", "2"));
    watched.wait_until_ready(&worker);
    let (status, health) = watched.document("/healthz");
    assert_eq!((status, &health["status"], &health["slots"]), (200, &"ok".into(), &2.into()), "{health}");
    let (_, ready) = watched.document("/readyz");
    assert_eq!((&ready["ready"], &ready["reasons"]), (&true.into(), &Value::Array(Vec::new())), "{ready}");
    assert!(["L1", "L2"].contains(&ready["jail"]["level"].as_str().unwrap_or_default()), "{ready}");
    assert!(ready["jail"]["attempts_refused"].as_u64() > Some(10), "{ready}");
    assert_eq!(watched.ask("HEAD", "/readyz").status, 200);
    assert_eq!(watched.ask("GET", "/").status, 404);
    for method in ["POST", "PUT", "DELETE"] {
        assert_eq!(watched.ask(method, "/readyz").status, 405, "{method}");
    }
}

#[test]
fn metrics_count_jobs_and_tell_nothing_of_them() {
    let (stage, watched) = (Stage::new(), Watched::reserve());
    let _worker = stage.start(watched.on(stage.worker_program()));
    let input = stage.put("private-name", "some bytes");
    let tags = ["--preset", "copy", "--tag", "title=private-tag"];
    let job = stage.submit(&input, &stage.target("output"), &tags);
    stage.wait(0, &job);
    let missing = stage.submit(&format!("{}/absent", stage.input), &stage.target("none"), &tags);
    stage.wait(1, &missing);
    // What was told is counted and let go of a moment later.
    let metrics = wait_for("both jobs to be done with", COMMAND_TIMEOUT, || {
        let metrics = watched.metrics();
        if metrics.contains("valet_worker_jobs_in_hand 0") { Ok(metrics) } else { Err(metrics) }
    });
    let expected = [
        r#"valet_worker_attempts_ended_total{lane="default",preset="copy",outcome="succeeded",reason="none"} 1"#,
        r#"valet_worker_attempts_ended_total{lane="default",preset="copy",outcome="failed",reason="input-missing"} 1"#,
        r#"valet_worker_attempts_total{stage="1"} 2"#,
        r#"valet_worker_phase_seconds_count{phase="total"} 1"#,
        r#"valet_worker_broker_link{link="publish",state="up"} 1"#,
        r#"valet_worker_gate_closed{reason="storage-dead"} 0"#,
        "valet_worker_input_bytes_total 10",
        "valet_worker_output_bytes_total 10",
        "valet_worker_jobs_in_hand 0",
        "valet_worker_slots 1",
    ];
    for line in expected {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    for private in ["private-name", "private-tag", &job, &missing, &stage.input, "sig="] {
        assert!(!metrics.contains(private), "{private} is in\n{metrics}");
    }
}

#[test]
fn a_draining_worker_is_not_ready_and_still_well() {
    let (stage, watched) = (Stage::new(), Watched::reserve());
    let program = watched.on(stage.worker_program()).env("VALET_WORKER_GRACE_SECONDS", "90");
    let worker = stage.start(program);
    stage.storage.put_file(&stage.input, "long.mp4", &media::long_clip(60));
    let input = format!("{}/long.mp4", stage.input);
    stage.submit(&input, &stage.target("film.mp4"), &["--preset", "h264-720p", "--param", "speed=medium"]);
    wait_for("a job in hand", COMMAND_TIMEOUT, || {
        let metrics = watched.metrics();
        if metrics.contains("valet_worker_jobs_in_hand 1") { Ok(()) } else { Err(metrics) }
    });
    worker.signal(Signal::TERM);
    watched.wait_for_reason("draining", &worker);
    assert_eq!(watched.document("/healthz").0, 200, "a prober must not kill it");
    assert_eq!(worker.terminate(END_TIMEOUT).code(), Some(0), "{}", worker.stderr());
}

#[test]
fn a_port_that_is_taken_is_refused_at_start() {
    let stage = Stage::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let ended = stage.worker_program().env("VALET_WORKER_LISTEN", &address).run(COMMAND_TIMEOUT);
    let ended = ended.expect_code(64);
    assert!(ended.stderr.contains(&address) && ended.stderr.contains("worker.listen"), "{}", ended.stderr);
}
