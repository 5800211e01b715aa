//! Why a run of the codec gave no result, and how that is read from the way it ended.

use std::io;
use std::sync::Arc;

use valet_blob::StorageError;
use valet_jail::{Exit, JailError};

use super::{Breach, Limits, Run, excerpt};
use crate::door::Trip;

/// Why a run gave no result.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The jail could not be made, here and now; the media is not to blame.
    #[error("cannot start {program}")]
    Start {
        /// What was started.
        program: &'static str,
        /// What the jail said.
        #[source]
        cause: JailError,
    },
    /// The program gave up.
    #[error("{program} ended with exit code {code}: {said}")]
    Exit {
        /// What ran.
        program: &'static str,
        /// Its exit code.
        code: i32,
        /// Its last words, escaped.
        said: String,
    },
    /// A signal ended the program: a crash, or the system was short of memory.
    #[error("{program} was ended by signal {signal}: {said}")]
    Signal {
        /// What ran.
        program: &'static str,
        /// The signal's number.
        signal: i32,
        /// Its last words, escaped.
        said: String,
    },
    /// It broke one of its limits, and was killed for it.
    #[error("{program} was stopped: {}", describe(.breach, .limits))]
    Breach {
        /// What ran.
        program: &'static str,
        /// The limit that it broke.
        breach: Breach,
        /// All its limits.
        limits: Box<Limits>,
    },
    /// It asked the door for what is not its input.
    #[error("{program} was stopped: it asked its input door for {asked} ({rule})")]
    Violation {
        /// What ran.
        program: &'static str,
        /// The rule that it broke.
        rule: &'static str,
        /// What it asked for, escaped.
        asked: String,
    },
    /// It asked the kernel for what no codec needs, and the kernel killed it.
    #[error("{program} was killed: it made a system call that only an exploit makes; it said: {said}")]
    Forbidden {
        /// What ran.
        program: &'static str,
        /// Its last words, escaped.
        said: String,
    },
    /// Its input could not be read from storage.
    #[error(transparent)]
    Storage(Arc<StorageError>),
    /// Its input could not be read from scratch.
    #[error("cannot use a file in scratch")]
    File(#[source] Arc<io::Error>),
    /// It wrote more to its standard output than was asked for.
    #[error("{program} answered with more than {bytes_max} bytes")]
    Answer {
        /// What ran.
        program: &'static str,
        /// The limit.
        bytes_max: usize,
    },
}

fn describe(breach: &Breach, limits: &Limits) -> String {
    match breach {
        Breach::Wall => format!("it ran longer than its limit of {} s", limits.wall.as_secs()),
        Breach::Stall => format!("it read, wrote and reported nothing for {} s", limits.stall.as_secs()),
        Breach::Cpu => format!("it used more than {} processor seconds", limits.cpu_seconds_max),
        Breach::Memory => format!("it asked for more than {} bytes of memory", limits.memory_bytes_max),
        Breach::OutputBytes => format!("its output grew over {} bytes", limits.output_bytes_max),
        Breach::Frames => format!("it wrote more than {} pictures", limits.frames_max),
        Breach::ScratchFull => format!("scratch has less than {} bytes free", limits.free_bytes_min),
    }
}

/// How a run came to its end.
#[derive(Debug)]
pub(super) enum End {
    /// By itself, or by a signal.
    Exit(Exit),
    /// We killed it for a limit.
    Breach(Breach),
    /// We killed it for what its door met.
    Trip(Trip),
    /// Nobody can tell: the launcher is gone.
    Lost(JailError),
}

/// Turns how a run ended into what it means.
pub(super) fn judge(run: &Run<'_>, end: End, said: &str) -> Result<(), CodecError> {
    let program = run.program.name();
    let breach = |breach| CodecError::Breach { program, breach, limits: Box::new(run.limits.clone()) };
    match end {
        End::Exit(exit) => judge_exit(run, &exit, said, breach),
        End::Breach(broken) => Err(breach(broken)),
        End::Trip(Trip::Violation(violation)) => {
            Err(CodecError::Violation { program, rule: violation.rule, asked: violation.asked })
        }
        End::Trip(Trip::Storage(error)) => Err(CodecError::Storage(error)),
        End::Trip(Trip::File(error)) => Err(CodecError::File(error)),
        End::Lost(cause) => Err(CodecError::Start { program, cause }),
    }
}

fn judge_exit(
    run: &Run<'_>,
    exit: &Exit,
    said: &str,
    breach: impl Fn(Breach) -> CodecError,
) -> Result<(), CodecError> {
    let program = run.program.name();
    let full = || {
        run.output
            .as_deref()
            .is_some_and(|output| output.bytes().is_ok_and(|bytes| bytes > run.limits.output_bytes_max))
    };
    let used_up = |exit: &Exit| exit.spent_all_of(run.limits.cpu_seconds_max.max(1));
    match exit.end {
        valet_jail::End::Code(0) if !full() => Ok(()),
        // The kernel's own file limit, a little above ours.
        valet_jail::End::Code(_) if full() => Err(breach(Breach::OutputBytes)),
        valet_jail::End::Code(_) if is_out_of_memory(said) => Err(breach(Breach::Memory)),
        // ffmpeg catches SIGXCPU, tidies up and ends by itself, with 255.
        valet_jail::End::Code(_) if used_up(exit) => Err(breach(Breach::Cpu)),
        valet_jail::End::Code(code) => Err(CodecError::Exit { program, code, said: excerpt(said) }),
        valet_jail::End::Signal(SIGXFSZ) => Err(breach(Breach::OutputBytes)),
        valet_jail::End::Signal(SIGXCPU) => Err(breach(Breach::Cpu)),
        // Pid 1 of a jail is deaf to SIGXCPU, so the kernel kills it a second later.
        valet_jail::End::Signal(SIGKILL) if used_up(exit) => Err(breach(Breach::Cpu)),
        valet_jail::End::Signal(SIGSYS) => Err(CodecError::Forbidden { program, said: excerpt(said) }),
        // A library that does not look at what it is given crashes where another says so.
        valet_jail::End::Signal(_) if is_out_of_memory(said) => Err(breach(Breach::Memory)),
        valet_jail::End::Signal(signal) => Err(CodecError::Signal { program, signal, said: excerpt(said) }),
    }
}

/// How ffmpeg, its libraries and their loader say that memory was refused to them.
const OUT_OF_MEMORY: [&str; 7] = [
    "Cannot allocate memory",
    "bad_alloc",
    "malloc of size",
    "out of memory",
    "failed to map segment from shared object",
    // SVT-AV1's.
    "allocate memory failed",
    "insufficient resources",
];

fn is_out_of_memory(said: &str) -> bool {
    // A file with too many streams is answered with the same words.
    let of_streams = said.contains("max_streams");
    !of_streams && OUT_OF_MEMORY.iter().any(|sign| said.contains(sign))
}

const SIGKILL: i32 = rustix::process::Signal::KILL.as_raw();
const SIGSYS: i32 = rustix::process::Signal::SYS.as_raw();
const SIGXCPU: i32 = rustix::process::Signal::XCPU.as_raw();
const SIGXFSZ: i32 = rustix::process::Signal::XFSZ.as_raw();
