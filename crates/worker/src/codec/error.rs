//! Why a run of the codec gave no result, and how that is read from the way it ended.

use std::path::Path;
use std::process::ExitStatus;

use super::{Breach, EXIT_LAUNCH, Limits, Run, escape, excerpt};

/// Why a run gave no result.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The program could not be started, here and now; the media is not to blame.
    #[error("cannot start {program}")]
    Start {
        /// What was started.
        program: String,
        /// What the system or the launcher said.
        #[source]
        cause: std::io::Error,
    },
    /// The program gave up.
    #[error("{program} ended with exit code {code}: {said}")]
    Exit {
        /// What ran.
        program: String,
        /// Its exit code.
        code: i32,
        /// Its last words, escaped.
        said: String,
    },
    /// A signal ended the program: a crash, or the system was short of memory.
    #[error("{program} was ended by signal {signal}: {said}")]
    Signal {
        /// What ran.
        program: String,
        /// The signal's number.
        signal: i32,
        /// Its last words, escaped.
        said: String,
    },
    /// It broke one of its limits, and was killed for it.
    #[error("{program} was stopped: {}", describe(.breach, .limits))]
    Breach {
        /// What ran.
        program: String,
        /// The limit that it broke.
        breach: Breach,
        /// All its limits.
        limits: Limits,
    },
    /// It wrote more to its standard output than was asked for.
    #[error("{program} answered with more than {bytes_max} bytes")]
    Answer {
        /// What ran.
        program: String,
        /// The limit.
        bytes_max: usize,
    },
}

fn describe(breach: &Breach, limits: &Limits) -> String {
    match breach {
        Breach::Wall => format!("it ran longer than its limit of {} s", limits.wall.as_secs()),
        Breach::Stall => format!("it read, wrote and reported nothing for {} s", limits.stall.as_secs()),
        Breach::OutputBytes => format!("its output grew over {} bytes", limits.output_bytes_max),
        Breach::ScratchFull => format!("scratch has less than {} bytes free", limits.free_bytes_min),
    }
}

/// A program's file name, safe on a terminal.
pub(super) fn name(program: &Path) -> String {
    escape(&program.file_name().unwrap_or(program.as_os_str()).to_string_lossy())
}

/// Turns how a run ended into what it means.
pub(super) fn judge(
    run: &Run<'_>,
    ended: Result<std::io::Result<ExitStatus>, Breach>,
    said: &str,
) -> Result<(), CodecError> {
    use std::os::unix::process::ExitStatusExt as _;
    let program = name(run.program);
    let breach = |breach| CodecError::Breach { program: program.clone(), breach, limits: run.limits.clone() };
    let status =
        ended.map_err(breach)?.map_err(|cause| CodecError::Start { program: program.clone(), cause })?;
    let said = excerpt(said);
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) if code == i32::from(EXIT_LAUNCH) => {
            Err(CodecError::Start { program, cause: std::io::Error::other(said) })
        }
        (Some(code), _) => Err(CodecError::Exit { program, code, said }),
        // The kernel's own file and processor limits, set a little above ours.
        (None, Some(SIGXFSZ)) => Err(breach(Breach::OutputBytes)),
        (None, Some(SIGXCPU)) => Err(breach(Breach::Wall)),
        (None, signal) => Err(CodecError::Signal { program, signal: signal.unwrap_or_default(), said }),
    }
}

const SIGXCPU: i32 = rustix::process::Signal::XCPU.as_raw();
const SIGXFSZ: i32 = rustix::process::Signal::XFSZ.as_raw();
