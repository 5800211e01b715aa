//! From the input file to a checked output file: facts, codec passes, media check.
//! It never sees a grant; files in, files out.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use valet_preset::{
    Bounds, Capture, DurationRule, INPUT_URL, MediaCheck, MediaFacts, Pass, Plan, Sources, Work, probe_argv,
};

use crate::cause::Cause;
use crate::codec::{Codec, Limits, Progress, Run};
use crate::progress::{Scale, while_telling};
use crate::reports::Reporter;

/// Longest look at a file with ffprobe, which reads a few megabytes at most.
const PROBE_WALL: Duration = Duration::from_secs(60);

/// Free bytes of scratch under which a codec is stopped: what is left of the reserve for everybody else.
const FREE_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// Names in scratch. Without an extension, since ffmpeg would choose the demuxer by it.
pub const INPUT_NAME: &str = "input";
/// The codec's result.
pub const OUTPUT_NAME: &str = "output";

/// What codecs are run with.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Runs programs.
    pub codec: Codec,
    /// The ffmpeg binary.
    pub ffmpeg: PathBuf,
    /// The ffprobe binary.
    pub ffprobe: PathBuf,
    /// Threads that one job may use.
    pub threads: u32,
}

/// One job's files and limits.
#[derive(Debug)]
pub struct Workshop<'a> {
    /// What codecs are run with.
    pub tools: &'a Tools,
    /// What to run.
    pub plan: &'a Plan,
    /// The job's scratch; the input is in it already.
    pub directory: &'a Path,
    /// Limits of all passes together.
    pub limits: Limits,
}

/// A codec's result, not checked yet.
#[derive(Debug)]
pub struct Made {
    /// The output.
    pub path: PathBuf,
    /// What ffprobe said about the input; nothing when nobody had to know.
    input_facts: MediaFacts,
    /// What the last pass said.
    said: String,
}

impl Workshop<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Makes the output.
    ///
    /// # Errors
    /// When the input is no media, or the codec failed or broke a limit.
    pub async fn make(&self, reports: &Reporter) -> Result<Made, Cause> {
        let made = |path, input_facts, said| Made { path, input_facts, said };
        match self.plan.work {
            Work::Copy => Ok(made(self.path(INPUT_NAME), MediaFacts::default(), String::new())),
            Work::Probe => {
                self.describe().await?;
                Ok(made(self.path(OUTPUT_NAME), MediaFacts::default(), String::new()))
            }
            Work::Transcode(passes) => {
                let facts = self.input_facts().await?;
                let said = self.encode(passes, &facts, reports).await?;
                Ok(made(self.path(OUTPUT_NAME), facts, said))
            }
        }
    }

    /// Looks at the result and compares it with what the preset promises.
    ///
    /// # Errors
    /// When there is none, when it cannot be read, or when it is something else.
    pub async fn check(&self, made: &Made) -> Result<Option<MediaFacts>, Cause> {
        require_content(&made.path).await?;
        let facts = match &self.plan.check {
            MediaCheck::Bytes => return Ok(None),
            // Of this preset the output describes the input, and is no media itself.
            MediaCheck::Document => return self.check_document(&made.path).await.map(Some),
            MediaCheck::Media(_) => self.output_facts(&made.path).await?,
        };
        self.plan
            .check
            .check(&made.input_facts, &facts)
            .map_err(|failure| Cause::of_check(failure, &made.said))?;
        Ok(Some(facts))
    }

    async fn check_document(&self, path: &Path) -> Result<MediaFacts, Cause> {
        let json = tokio::fs::read(path).await.map_err(Cause::ScratchFile)?;
        let facts = MediaFacts::from_ffprobe_json(&json).map_err(not_media)?;
        let checked = self.plan.check.check(&facts, &facts);
        checked.map(|()| facts).map_err(Cause::OutputUnfit)
    }

    async fn input_facts(&self) -> Result<MediaFacts, Cause> {
        let json = self.probe(&self.path(INPUT_NAME)).await.map_err(Cause::of_input_probe)?;
        MediaFacts::from_ffprobe_json(&json).map_err(not_media)
    }

    async fn output_facts(&self, path: &Path) -> Result<MediaFacts, Cause> {
        let json = self.probe(path).await.map_err(Cause::of_output_probe)?;
        let unreadable = |error| Cause::OutputUnreadable { said: crate::logs::chain(&error) };
        MediaFacts::from_ffprobe_json(&json).map_err(unreadable)
    }

    async fn probe(&self, path: &Path) -> Result<Vec<u8>, crate::codec::CodecError> {
        let arguments = local(probe_argv(&Bounds::default()), path);
        self.ask(&arguments).await
    }

    async fn ask(&self, arguments: &[String]) -> Result<Vec<u8>, crate::codec::CodecError> {
        let limits = Limits { wall: PROBE_WALL, stall: PROBE_WALL, ..self.limits.clone() };
        let program = &self.tools.ffprobe;
        let run = Run { program, arguments, directory: self.directory, output: None, limits: &limits };
        let finished = self.tools.codec.capture(&run, valet_preset::FACTS_BYTES_MAX).await?;
        Ok(finished.stdout)
    }

    /// The preset that stores ffprobe's answer.
    async fn describe(&self) -> Result<(), Cause> {
        let facts = MediaFacts::default();
        let arguments = self.arguments(0, &facts, None)?;
        let json = self.ask(&arguments).await.map_err(Cause::of_input_probe)?;
        tokio::fs::write(self.path(OUTPUT_NAME), json).await.map_err(Cause::ScratchFile)
    }

    /// Runs all passes; returns what the last one said.
    async fn encode(&self, passes: &[Pass], facts: &MediaFacts, reports: &Reporter) -> Result<String, Cause> {
        let deadline = Instant::now() + self.limits.wall;
        let expected = expected_duration(&self.plan.check, facts);
        let mut said = String::new();
        let mut scale = Scale::new(expected);
        for (index, pass) in passes.iter().enumerate() {
            // What a pass leaves for the next one is of use only if it was asked to leave something.
            let previous = index.checked_sub(1).and_then(|before| passes.get(before));
            let previous = previous.filter(|pass| pass.capture == Capture::StderrTail).map(|_| said.as_str());
            let arguments = self.arguments(index, facts, previous)?;
            scale = scale.next_pass(pass.share_percent);
            let limits =
                Limits { wall: deadline.saturating_duration_since(Instant::now()), ..self.limits.clone() };
            said = self.encode_pass(&arguments, &limits, scale, reports).await?;
        }
        Ok(said)
    }

    async fn encode_pass(
        &self,
        arguments: &[String],
        limits: &Limits,
        scale: Scale,
        reports: &Reporter,
    ) -> Result<String, Cause> {
        let (program, output) = (&self.tools.ffmpeg, self.path(OUTPUT_NAME));
        let run = Run { program, arguments, directory: self.directory, output: Some(&output), limits };
        let (sender, receiver) = watch::channel(Progress::default());
        let encoding = self.tools.codec.encode(&run, &sender);
        let finished = while_telling(encoding, receiver, scale, reports).await;
        Ok(finished.map_err(Cause::of_encode)?.said)
    }

    fn arguments(
        &self,
        pass: usize,
        facts: &MediaFacts,
        previous: Option<&str>,
    ) -> Result<Vec<String>, Cause> {
        let (input, output) = (self.path(INPUT_NAME), self.path(OUTPUT_NAME));
        let sources = Sources {
            output: &output.to_string_lossy(),
            threads: self.tools.threads,
            input_facts: facts,
            bounds: &Bounds::default(),
        };
        let arguments = self.plan.argv(pass, &sources, previous).map_err(Cause::Preset)?;
        Ok(local(arguments, &input))
    }
}

/// The same call for a file in scratch: until the jail's door serves the input, it is fetched first.
fn local(mut arguments: Vec<String>, input: &Path) -> Vec<String> {
    for argument in &mut arguments {
        match argument.as_str() {
            INPUT_URL => *argument = format!("file:{}", input.to_string_lossy()),
            "http,tcp" => "file,pipe".clone_into(argument),
            _ => {}
        }
    }
    arguments
}

/// Limits of a job's codec passes.
#[must_use]
pub fn limits(wall: Duration, stall: Duration, output_bytes_max: u64) -> Limits {
    Limits { wall, stall, output_bytes_max, free_bytes_min: FREE_BYTES_MIN }
}

/// Length of the output, if progress can be told by it.
fn expected_duration(check: &MediaCheck, facts: &MediaFacts) -> Option<f64> {
    match check {
        MediaCheck::Media(rules) => match rules.duration {
            DurationRule::Same => facts.duration_seconds,
            DurationRule::AtMost(seconds) => Some(facts.duration_seconds.unwrap_or(seconds).min(seconds)),
            DurationRule::Any => None,
        },
        MediaCheck::Bytes | MediaCheck::Document => None,
    }
}

fn not_media(error: valet_preset::FactsError) -> Cause {
    Cause::NotMedia { said: crate::logs::chain(&error) }
}

async fn require_content(path: &Path) -> Result<(), Cause> {
    match tokio::fs::metadata(path).await {
        Ok(file) if file.len() > 0 => Ok(()),
        Ok(_) => Err(Cause::OutputMissing),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Cause::OutputMissing),
        Err(error) => Err(Cause::ScratchFile(error)),
    }
}
