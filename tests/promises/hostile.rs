//! A codec that has been taken over: a program in ffmpeg's place does what the input orders. Its whole world is
//! one input and one bounded output, and the worker believes nothing it says.

use std::time::{Duration, Instant};

use serde_json::Value;
use valet_testkit::{Canary, Process, Program, bin, hostile};

use crate::stage::Stage;
use crate::verdict::{expect_failed, expect_nothing_stored};

/// What a person can read of one failure, at most.
const DETAIL_CHARS_MAX: usize = 4_096;

/// A stage whose worker runs the hostile codec for ffmpeg.
struct Scene {
    stage: Stage<'static>,
    worker: Process,
}

impl Scene {
    fn new() -> Self {
        Self::with(|program| program)
    }

    fn with(settings: impl FnOnce(Program) -> Program) -> Self {
        let stage = Stage::new();
        let program = stage.worker_program().env("VALET_WORKER_FFMPEG", bin("hostile-codec"));
        let worker = stage.start(settings(program));
        Self { stage, worker }
    }

    fn submit(&self, order: &str) -> String {
        let input = self.stage.put("input", hostile::film(order));
        self.stage.submit(&input, &self.stage.target("output"), &["--preset", "remux-mp4"])
    }

    /// The job with this order fails for one of these reasons, nothing is stored, and the worker works on.
    #[track_caller]
    fn expect(&self, order: &str, reasons: &[&str]) -> Value {
        let job = self.submit(order);
        let end = expect_failed(&self.stage, &job, reasons);
        expect_nothing_stored(&self.stage);
        assert!(self.worker.is_running(), "{}", self.worker.stderr());
        end
    }
}

fn detail(end: &Value) -> &str {
    end["detail"].as_str().unwrap_or_default()
}

#[test]
fn a_codec_that_does_its_work_is_believed() {
    // Otherwise nothing below would show anything.
    let scene = Scene::new();
    let job = scene.submit("copy");
    let end = scene.stage.wait(0, &job);
    assert_eq!(end["state"], "succeeded", "{end:#}\n{}", scene.worker.stderr());
    assert_eq!(scene.stage.storage.get(&scene.stage.output, "output"), hostile::film("copy"));
}

/// Requests that a codec has no reason to make, and what of them a report must name.
const REQUESTS: [(&str, &str); 12] = [
    ("GET /etc/passwd HTTP/1.1|Host: 127.0.0.1", "/etc/passwd"),
    ("GET /input?from=0 HTTP/1.1|Host: 127.0.0.1", "/input?from=0"),
    ("GET //input HTTP/1.1|Host: 127.0.0.1", "//input"),
    ("GET /x/../input HTTP/1.1|Host: 127.0.0.1", "/x/../input"),
    ("GET /%69nput HTTP/1.1|Host: 127.0.0.1", "%69nput"),
    ("GET http://169.254.169.254/metadata HTTP/1.1|Host: 169.254.169.254", "169.254.169.254"),
    ("CONNECT 169.254.169.254:80 HTTP/1.1|Host: 169.254.169.254", "CONNECT"),
    ("GET /input HTTP/1.1|Host: internal.example", "internal.example"),
    ("PUT /input HTTP/1.1|Host: 127.0.0.1|Content-Length: 0", "PUT"),
    ("DELETE /input HTTP/1.1|Host: 127.0.0.1", "DELETE"),
    ("GET /output HTTP/1.1|Host: 127.0.0.1", "/output"),
    ("GET /secret.ts HTTP/1.1|Host: 127.0.0.1", "/secret.ts"),
];

#[test]
fn asking_the_door_for_anything_else_is_a_violation_that_names_what_was_asked() {
    let scene = Scene::new();
    for (request, named) in REQUESTS {
        let end = scene.expect(&format!("send {request}"), &["jail-violation"]);
        assert!(detail(&end).contains(named), "`{named}` of `{request}` is not told: {end:#}");
    }
}

#[test]
fn what_is_asked_is_escaped_before_people_see_it() {
    let scene = Scene::new();
    let end = scene.expect("send GET /\u{1b}[31mred HTTP/1.1|Host: 127.0.0.1", &["jail-violation"]);
    assert!(!detail(&end).contains(char::is_control), "{end:#}");
    assert!(!scene.worker.stderr().contains("\u{1b}[31mred"), "{}", scene.worker.stderr());
}

#[test]
fn no_file_of_the_machine_is_open_to_it() {
    let scene = Scene::new();
    let folder = scene.stage.mode.folder("prey");
    let own = folder.write("worker.secret", "SECRET-OF-THE-WORKER");
    let files = [
        own.display().to_string(),
        "/etc/passwd".into(),
        "/proc/self/environ".into(),
        "/proc/1/status".into(),
    ];
    for file in files {
        let end = scene.expect(&format!("read {file}"), &["codec-failed"]);
        let told = ["No such file", "Permission denied"].iter().any(|words| detail(&end).contains(words));
        assert!(told, "{file}: {end:#}");
    }
}

#[test]
fn no_service_of_the_machine_hears_of_it() {
    let scene = Scene::new();
    let canary = Canary::start("SECRET-OF-A-SERVICE");
    let end = scene.expect(&format!("connect {}", canary.port()), &["jail-violation"]);
    assert!(detail(&end).contains("/secret"), "the door took the call, and tells it: {end:#}");
    scene.expect(&format!("udp {}", canary.port()), &["codec-failed"]);
    canary.expect_untouched();
}

#[test]
fn it_never_becomes_two() {
    let scene = Scene::new();
    for program in ["/bin/sh", "/bin/ffmpeg"] {
        scene.expect(&format!("spawn {program}"), &["jail-violation", "codec-failed"]);
    }
}

#[test]
fn a_flood_of_words_is_cut_and_does_not_hold_the_worker_up() {
    let scene = Scene::new();
    let resting = scene.worker.stderr().len();
    let end = scene.expect("flood", &["codec-failed"]);
    assert!(detail(&end).chars().count() <= DETAIL_CHARS_MAX, "{} bytes", detail(&end).len());
    let logged = scene.worker.stderr().len() - resting;
    assert!(logged < 64 << 10, "{logged} bytes of log for one job");
}

#[test]
fn escapes_for_terminals_reach_neither_reports_nor_logs() {
    let scene = Scene::new();
    let end = scene.expect("escapes", &["codec-failed"]);
    let harmful =
        |text: &str| text.contains(|character: char| "\u{1b}\u{7}\u{8}\u{202e}\r".contains(character));
    assert!(!harmful(detail(&end)) && detail(&end).contains("red"), "{end:#}");
    // The worker's own colours are no colours here: its log is a file.
    assert!(!harmful(&scene.worker.stderr()), "{:?}", scene.worker.stderr());
    let shown = scene.stage.valet().args(["dead", "ls"]).run(crate::stage::COMMAND_TIMEOUT).expect_code(0);
    assert!(!harmful(&shown.stdout), "{:?}", shown.stdout);
}

#[test]
fn garbage_with_exit_code_0_is_not_stored() {
    let scene = Scene::new();
    scene.expect("garbage", &["output-invalid"]);
    scene.expect("nothing", &["output-invalid"]);
}

#[test]
fn a_codec_that_sleeps_is_ended_by_the_stall_limit() {
    let scene = Scene::with(|program| program.env("VALET_WORKER_STALL_SECONDS", "2"));
    scene.expect("sleep", &["no-progress"]);
}

#[test]
fn a_codec_that_spins_is_ended_by_the_cpu_limit() {
    let scene = Scene::with(|program| program.env("VALET_WORKER_CPU_SECONDS_MAX", "2"));
    scene.expect("spin", &["cpu-limit"]);
}

#[test]
fn progress_that_is_a_lie_does_not_outrun_the_wall_limit() {
    let scene = Scene::with(|program| program.env("VALET_WORKER_WALL_SECONDS_MAX", "4"));
    let begun = Instant::now();
    let job = scene.submit("lie");
    expect_failed(&scene.stage, &job, &["wall-limit"]);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    for report in scene.stage.reports(&job) {
        let percent = report["data"]["percent"].as_f64().unwrap_or(0.0);
        assert!((0.0..=100.0).contains(&percent), "{report:#}");
    }
}

#[test]
fn an_output_that_grows_for_ever_is_ended_at_its_cap() {
    let scene = Scene::with(|program| program.env("VALET_WORKER_OUTPUT_BYTES_MAX", "5MiB"));
    scene.expect("fill", &["output-too-large"]);
}

#[test]
fn memory_ends_at_its_limit() {
    let scene = Scene::with(|program| program.env("VALET_WORKER_MEMORY_BYTES_MAX", "256MiB"));
    let end = scene.expect("eat", &["memory-limit"]);
    assert!(detail(&end).contains("268435456"), "it says how much there was: {end:#}");
}
