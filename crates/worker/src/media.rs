//! From the input's door to a checked output file: facts, codec passes, media check.
//! It never sees a grant; a door and a file in, a file out.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use valet_jail::Output;
use valet_preset::{
    Bounds, Capture, DurationRule, MediaCheck, MediaFacts, Pass, Plan, Sources, Work, probe_argv,
};

use crate::cause::Cause;
use crate::codec::{Codec, CodecError, Finished, Limits, Program, Progress, Run};
use crate::door::{Door, DoorLimits, Source};
use crate::progress::{Scale, while_telling};
use crate::reports::Reporter;

/// Longest look at a file with ffprobe, which reads a few megabytes at most.
const PROBE_WALL: Duration = Duration::from_secs(60);

/// What codecs are run with.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Runs programs.
    pub codec: Codec,
    /// Threads that one job may use.
    pub threads: u32,
}

/// One job's input, folder and limits.
#[derive(Debug)]
pub struct Workshop<'a> {
    /// What codecs are run with.
    pub tools: &'a Tools,
    /// What to run.
    pub plan: &'a Plan,
    /// The job's scratch.
    pub directory: &'a Path,
    /// The input.
    pub input: &'a Door,
    /// Limits of all passes together.
    pub limits: Limits,
    /// What the input may be.
    pub bounds: Bounds,
}

/// A codec's result, not checked yet.
#[derive(Debug)]
pub struct Made {
    /// The output.
    pub output: Output,
    /// What ffprobe said about the input; nothing when nobody had to know.
    input_facts: MediaFacts,
    /// What the last pass said.
    said: String,
}

impl Made {
    /// An output that no codec made.
    #[must_use]
    pub fn without_codec(output: Output) -> Self {
        Self { output, input_facts: MediaFacts::default(), said: String::new() }
    }
}

impl Workshop<'_> {
    /// Makes the output into `output`.
    ///
    /// # Errors
    /// When the input is no media or over a bound, or the codec failed or broke a limit.
    pub async fn make(&self, mut output: Output, reports: &Reporter) -> Result<Made, Cause> {
        match self.plan.work {
            Work::Copy => Ok(Made::without_codec(output)),
            Work::Probe => {
                self.describe(&output).await?;
                Ok(Made::without_codec(output))
            }
            Work::Transcode(passes) => {
                let input_facts = self.input_facts().await?;
                let said = self.encode(passes, &input_facts, &mut output, reports).await?;
                Ok(Made { output, input_facts, said })
            }
        }
    }

    /// Looks at the result and compares it with what the preset promises.
    ///
    /// # Errors
    /// When there is none, when it cannot be read, or when it is something else.
    pub async fn check(&self, made: &Made) -> Result<Option<MediaFacts>, Cause> {
        let bytes = made.output.bytes().map_err(Cause::ScratchFile)?;
        if bytes == 0 {
            return Err(Cause::OutputMissing);
        }
        let facts = match &self.plan.check {
            MediaCheck::Bytes => return Ok(None),
            // Of this preset the output describes the input, and is no media itself.
            MediaCheck::Document => return self.check_document(made).await.map(Some),
            MediaCheck::Media(_) => self.output_facts(&made.output, bytes).await?,
        };
        self.plan
            .check
            .check(&made.input_facts, &facts)
            .map_err(|failure| Cause::of_check(failure, &made.said))?;
        Ok(Some(facts))
    }

    async fn check_document(&self, made: &Made) -> Result<MediaFacts, Cause> {
        let json = read_document(&made.output).await.map_err(Cause::ScratchFile)?;
        let facts = MediaFacts::from_ffprobe_json(&json).map_err(Cause::of_facts)?;
        facts.exceeds(&self.bounds).map_or(Ok(()), |exceeded| Err(Cause::InputExceeds(exceeded)))?;
        let checked = self.plan.check.check(&facts, &facts);
        checked.map(|()| facts).map_err(Cause::OutputUnfit)
    }

    async fn input_facts(&self) -> Result<MediaFacts, Cause> {
        let bounds = &self.bounds;
        let probed = self.probe(self.input, bounds).await;
        let Finished { stdout, said } = probed.map_err(|error| Cause::of_input_probe(error, bounds))?;
        MediaFacts::from_probe(&stdout, &said, bounds).map_err(Cause::of_facts)
    }

    /// The output is untrusted media again: it gets a door and a jail of its own.
    async fn output_facts(&self, output: &Output, bytes: u64) -> Result<MediaFacts, Cause> {
        let source = Source::File { file: output.file().clone(), bytes };
        let door = Door::new(source, DoorLimits::default());
        let json = self.probe(&door, &Bounds::default()).await.map_err(Cause::of_output_probe)?.stdout;
        let unreadable = |error| Cause::OutputUnreadable { said: crate::logs::chain(&error) };
        MediaFacts::from_ffprobe_json(&json).map_err(unreadable)
    }

    async fn probe(&self, door: &Door, bounds: &Bounds) -> Result<Finished, CodecError> {
        self.ask(door, &probe_argv(bounds)).await
    }

    async fn ask(&self, door: &Door, arguments: &[String]) -> Result<Finished, CodecError> {
        let memory_bytes_max = self.limits.memory_bytes_max.min(valet_preset::PROBE_MEMORY_BYTES);
        let (wall, stall) = (PROBE_WALL.min(self.limits.wall), PROBE_WALL.min(self.limits.stall));
        let limits = Limits { wall, stall, memory_bytes_max, ..self.limits.clone() };
        let run = Run {
            program: Program::Ffprobe,
            arguments,
            input: Some(door),
            output: None,
            directory: self.directory,
            limits: &limits,
        };
        self.tools.codec.capture(run, valet_preset::FACTS_BYTES_MAX).await
    }

    /// The preset that stores ffprobe's answer.
    async fn describe(&self, output: &Output) -> Result<(), Cause> {
        let facts = MediaFacts::default();
        let arguments = self.arguments(0, &facts, None)?;
        let asked = self.ask(self.input, &arguments).await;
        let described = asked.map_err(|error| Cause::of_input_probe(error, &self.bounds))?;
        write_document(output, described.stdout).await.map_err(Cause::ScratchFile)
    }

    /// Runs all passes; returns what the last one said.
    async fn encode(
        &self,
        passes: &[Pass],
        facts: &MediaFacts,
        output: &mut Output,
        reports: &Reporter,
    ) -> Result<String, Cause> {
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
            // A pass that only measures gets nothing to write to.
            let output = if index + 1 == passes.len() { Some(&mut *output) } else { None };
            said = self.encode_pass(&arguments, &limits, scale, output, reports).await?;
        }
        Ok(said)
    }

    async fn encode_pass(
        &self,
        arguments: &[String],
        limits: &Limits,
        scale: Scale,
        output: Option<&mut Output>,
        reports: &Reporter,
    ) -> Result<String, Cause> {
        let run = Run {
            program: Program::Ffmpeg,
            arguments,
            input: Some(self.input),
            output,
            directory: self.directory,
            limits,
        };
        let (sender, receiver) = watch::channel(Progress::default());
        let encoding = self.tools.codec.encode(run, &sender);
        let finished = while_telling(encoding, receiver, scale, reports).await;
        Ok(finished.map_err(|error| Cause::of_encode(error, &self.bounds))?.said)
    }

    fn arguments(
        &self,
        pass: usize,
        facts: &MediaFacts,
        previous: Option<&str>,
    ) -> Result<Vec<String>, Cause> {
        let sources = Sources {
            output: self.tools.codec.level.output_path(),
            threads: self.tools.threads,
            input_facts: facts,
            bounds: &self.bounds,
        };
        self.plan.argv(pass, &sources, previous).map_err(Cause::Preset)
    }
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

/// Writes a document of [`valet_preset::FACTS_BYTES_MAX`] bytes at most.
async fn write_document(output: &Output, json: Vec<u8>) -> std::io::Result<()> {
    let file = output.file().clone();
    let write = move || std::os::unix::fs::FileExt::write_all_at(&*file, &json, 0);
    tokio::task::spawn_blocking(write).await.map_err(std::io::Error::other)?
}

/// Reads back what [`write_document`] wrote.
async fn read_document(output: &Output) -> std::io::Result<Vec<u8>> {
    let file = output.file().clone();
    let bytes = usize::try_from(output.bytes()?).unwrap_or(usize::MAX).min(valet_preset::FACTS_BYTES_MAX);
    let read = move || {
        let mut json = vec![0; bytes];
        std::os::unix::fs::FileExt::read_exact_at(&*file, &mut json, 0).map(|()| json)
    };
    tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)?
}
