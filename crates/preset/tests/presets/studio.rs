//! Runs a preset as a worker does: probe, every pass, probe of the result, check.
//! A run is cut off after a minute; a hanging codec is a failure, not a wait.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use valet_preset::{Bounds, Capture, MediaFacts, Plan, PresetError, Sources, Work, probe_argv, resolve};

use crate::door::Door;

/// A finished run.
pub(crate) struct Take {
    pub(crate) plan: Plan,
    pub(crate) input: MediaFacts,
    pub(crate) output: MediaFacts,
    pub(crate) path: PathBuf,
    _scratch: TempDir,
}

impl Take {
    /// The output's bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).expect("the output can be read")
    }

    /// Width and height of the output.
    pub(crate) fn size(&self) -> (u32, u32) {
        self.output.video.as_ref().map_or((0, 0), |video| (video.width, video.height))
    }

    /// Codec of the output's picture.
    pub(crate) fn video_codec(&self) -> &str {
        self.output.video.as_ref().map_or("", |video| &video.codec)
    }

    /// Codec of the output's sound.
    pub(crate) fn audio_codec(&self) -> &str {
        self.output.audio.as_ref().map_or("", |audio| &audio.codec)
    }

    /// Seconds of the output.
    pub(crate) fn seconds(&self) -> f64 {
        self.output.duration_seconds.expect("the output says how long it is")
    }
}

/// The clip called `name`.
pub(crate) fn clip(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/media").join(name)
}

/// Runs `preset` on the clip called `name`; panics with ffmpeg's own words when anything fails.
pub(crate) fn take(preset: &str, name: &str, params: Value) -> Take {
    shoot(preset, &clip(name), params).unwrap_or_else(|why| panic!("{preset} on {name}: {why}"))
}

/// Runs `preset` on the file at `path`.
pub(crate) fn shoot(preset: &str, path: &Path, params: Value) -> Result<Take, String> {
    let scratch = TempDir::new().expect("a scratch folder");
    let plan = plan(preset, params);
    let input_facts = probe(path)?;
    let output = scratch.path().join("output");
    run(&plan, path, &output, &input_facts)?;
    let output_facts = probe(&output)?;
    plan.check.check(&input_facts, &output_facts).map_err(|failure| failure.to_string())?;
    Ok(Take { plan, input: input_facts, output: output_facts, path: output, _scratch: scratch })
}

/// The plan for `preset` in version 1.
pub(crate) fn plan(preset: &str, params: Value) -> Plan {
    let params = params.as_object().expect("parameters are an object");
    resolve(preset, 1, params).unwrap_or_else(|why| panic!("{preset}: {why}"))
}

/// Runs every pass of `plan`.
fn run(plan: &Plan, input: &Path, output: &Path, facts: &MediaFacts) -> Result<(), String> {
    let sources =
        Sources { output: text(output), threads: 2, input_facts: facts, bounds: &Bounds::default() };
    let door = Door::open(input);
    let Work::Transcode(passes) = plan.work else {
        return Err(format!("{:?} is no transcode", plan.work));
    };
    let mut kept: Option<String> = None;
    for (index, pass) in passes.iter().enumerate() {
        let argv = plan.argv(index, &sources, kept.as_deref()).map_err(|why| why.to_string())?;
        let done = ffmpeg(&door.through(&argv));
        let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
        if !done.status.success() {
            return Err(format!("{} ended with {}:\n{stderr}\nargv: {argv:?}", pass.name, done.status));
        }
        if !String::from_utf8_lossy(&done.stdout).contains("progress=end") {
            return Err(format!("{} reported no progress", pass.name));
        }
        kept = (pass.capture == Capture::StderrTail).then_some(stderr);
    }
    Ok(())
}

/// Facts about a file of any name.
pub(crate) fn probe(path: &Path) -> Result<MediaFacts, String> {
    let argv = probe_argv(&Bounds::default());
    let done = ffprobe(&Door::open(path).through(&argv));
    MediaFacts::from_ffprobe_json(&done.stdout)
        .map_err(|why| format!("{why}: {}", String::from_utf8_lossy(&done.stderr)))
}

/// The argument list of the first pass for `facts`, without running it.
pub(crate) fn argv(preset: &str, params: Value, facts: &MediaFacts) -> Result<Vec<String>, PresetError> {
    let sources = Sources { output: "/output", threads: 2, input_facts: facts, bounds: &Bounds::default() };
    plan(preset, params).argv(0, &sources, None)
}

/// Runs ffmpeg (`VALET_TEST_FFMPEG` names another one).
pub(crate) fn ffmpeg<A: AsRef<std::ffi::OsStr>>(argv: &[A]) -> Output {
    start("VALET_TEST_FFMPEG", "ffmpeg", argv)
}

/// Runs ffprobe (`VALET_TEST_FFPROBE` names another one).
pub(crate) fn ffprobe<A: AsRef<std::ffi::OsStr>>(argv: &[A]) -> Output {
    start("VALET_TEST_FFPROBE", "ffprobe", argv)
}

#[allow(clippy::disallowed_methods, reason = "tests run the codec that presets are written for")]
fn start<A: AsRef<std::ffi::OsStr>>(variable: &str, program: &str, argv: &[A]) -> Output {
    let program = std::env::var(variable).unwrap_or_else(|_| program.to_owned());
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "60", &program]).args(argv);
    command.output().unwrap_or_else(|why| panic!("cannot start {program}: {why}"))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("scratch paths are UTF-8")
}
