//! One job from order to report, and where its time went.

use std::time::Instant;

use serde_json::Value;
use valet_testkit::Program;

use super::stage::{COMMAND_TIMEOUT, Stage};

/// What an attempt took, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    /// `valet run`, start to exit.
    pub(super) command: f64,
    /// The worker's whole attempt.
    pub(super) total: f64,
    /// Of it, the codecs: looking at the input and encoding, jails and doors included.
    pub(super) codec: f64,
}

impl Attempt {
    /// Runs one job by `valet`, a `Stage::valet`.
    pub(super) fn run(
        stage: &Stage<'_>,
        valet: Program,
        input: &str,
        output: &str,
        preset: &[&str],
    ) -> Result<Self, String> {
        let (input, output) = (format!("{}/{input}", stage.input), format!("{}/{output}", stage.output));
        let run = valet.args(["--json", "run", &input, &output, "--preset"]).args(preset);
        let begun = Instant::now();
        let finished = run.run(COMMAND_TIMEOUT).expect_code(0);
        let command = begun.elapsed().as_secs_f64();
        let end = last_line(&finished.stdout)?;
        let job = end["id"].as_str().ok_or_else(|| format!("no id in {end}"))?;
        let report = ["--json", "events", "--since", "first", "--no-follow", "--kind", "succeeded", "--job"];
        let report = stage.valet().args(report).arg(job).run(COMMAND_TIMEOUT).expect_code(0);
        let timings = &last_line(&report.stdout)?["data"]["timings"];
        let seconds = |name: &str| {
            let milliseconds = timings[name].as_f64().ok_or_else(|| format!("no {name} in {timings}"))?;
            Ok::<_, String>(milliseconds / 1000.0)
        };
        Ok(Self { command, total: seconds("total_ms")?, codec: seconds("codec_ms")? })
    }
}

fn last_line(text: &str) -> Result<Value, String> {
    let last = text.lines().next_back().unwrap_or_default();
    serde_json::from_str(last).map_err(|cause| format!("{cause}: {last}"))
}
