//! A plan: a preset with its parameters settled, ready to give argument lists.
//! It must never run anything; the worker does.

use crate::argv::{Args, Command};
use crate::bounds::Bounds;
use crate::check::MediaCheck;
use crate::error::{PresetError, shown};
use crate::facts::MediaFacts;
use crate::input::{INPUT_URL, InputKind, hardened};
use crate::limits::PROGRESS_PERIOD_SECONDS;
use crate::param::Params;
use crate::preset::{Preset, PresetInfo, Scene, Work};
use crate::probe::document_argv;

/// A preset with its parameters settled.
#[derive(Clone)]
pub struct Plan {
    /// What is fixed about the preset.
    pub info: &'static PresetInfo,
    /// What has to be run.
    pub work: Work,
    /// What the result must be like.
    pub check: MediaCheck,
    /// Wall-clock limit when the message gives none, in seconds.
    pub wall_seconds_default: u32,
    /// Which inputs it takes.
    pub input_kind: InputKind,
    /// The parameters, defaults filled in.
    pub params: Params,
    preset: &'static dyn Preset,
}

/// What a worker gives a plan to make argument lists of.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// Where the output is written, as a path: `/output`, `/proc/self/fd/3`. What is there is overwritten.
    pub output: &'a str,
    /// Threads the codec may use.
    pub threads: u32,
    /// What ffprobe said about the input ([`crate::probe_argv`]).
    pub input_facts: &'a MediaFacts,
    /// What the input may be: of the worker and of the job, whichever is less.
    pub bounds: &'a Bounds,
}

impl Plan {
    /// A plan of `preset` with `params`.
    pub(crate) fn new(preset: &'static dyn Preset, params: Params) -> Self {
        let info = preset.info();
        Self {
            info,
            work: info.work,
            check: preset.check(&params),
            wall_seconds_default: info.wall_seconds_default,
            input_kind: info.input,
            params,
            preset,
        }
    }

    /// Arguments of pass `pass` (from 0), without the program's name: of ffprobe for [`Work::Probe`], of
    /// ffmpeg for [`Work::Transcode`]. `previous` is what the pass before left, when its
    /// [`crate::Capture`] asked to keep something.
    ///
    /// # Errors
    /// [`PresetError::Unsuited`] when the input is nothing for the preset, [`PresetError::Measurement`] when
    /// `previous` holds no usable figures, [`PresetError::NoSuchPass`] and [`PresetError::UnsafeName`] when
    /// the caller is wrong.
    pub fn argv(
        &self,
        pass: usize,
        sources: &Sources<'_>,
        previous: Option<&str>,
    ) -> Result<Vec<String>, PresetError> {
        let output = location(sources.output)?;
        let no_such_pass = PresetError::NoSuchPass { preset: self.info.name, pass };
        match self.work {
            Work::Copy => Err(no_such_pass),
            Work::Probe if pass > 0 => Err(no_such_pass),
            Work::Probe => Ok(document_argv(sources.bounds, self.params.switch("tags"))),
            Work::Transcode(passes) if pass >= passes.len() => Err(no_such_pass),
            Work::Transcode(_) => {
                let threads = Scene::threads(sources.threads, self.info);
                let scene = Scene {
                    preset: self.info.name,
                    params: &self.params,
                    facts: sources.input_facts,
                    threads,
                    pass,
                    previous,
                };
                scene.within(sources.bounds)?;
                let command = self.preset.command(&scene)?;
                Ok(frame(&command, threads, hardened(self.input_kind, sources.bounds), &output))
            }
        }
    }
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("preset", &self.info.name)
            .field("version", &self.info.version)
            .field("params", &self.params)
            .finish_non_exhaustive()
    }
}

/// The fixed frame around what a preset wants: how ffmpeg behaves, what it may open, where it writes.
fn frame(command: &Command, threads: u32, hardened: Args, output: &str) -> Vec<String> {
    Args::default()
        .words(&["-nostdin", "-hide_banner", "-y", "-v", if command.measures { "info" } else { "error" }])
        .words(&["-nostats", "-progress", "pipe:1"])
        .option("-stats_period", PROGRESS_PERIOD_SECONDS)
        .option("-filter_threads", threads)
        .option("-filter_complex_threads", threads)
        .append(hardened)
        .option("-threads", threads)
        .append(command.input.clone())
        .words(&["-i", INPUT_URL])
        .append(command.output.clone())
        // Nothing of the input's own words goes on: titles, places, devices, chapter names. And with
        // bitexact the same input gives the same bytes, so that a retry can be told from a stranger's blob.
        .words(&["-map_metadata", "-1", "-map_chapters", "-1", "-dn", "-sn", "-fflags", "+bitexact"])
        .option("-threads", threads)
        .location(if command.measures { "-" } else { output })
        .finish()
}

/// A path as ffmpeg opens it without thinking: with the protocol said, so that no name can be an option,
/// another protocol or a pattern. Its extension does not matter: every preset names its muxer.
fn location(path: &str) -> Result<String, PresetError> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let pattern = name.contains(['%', '*', '?']);
    if name.is_empty() || pattern || path.contains(char::is_control) {
        return Err(PresetError::UnsafeName { name: shown(name) });
    }
    Ok(format!("file:{path}"))
}
