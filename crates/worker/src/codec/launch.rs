//! `valet-worker __codec`: the last steps of a child before it becomes the codec, all of them on itself.
//!
//! It lowers its own limits, asks to die with the worker, and ends in exec. It gets an empty environment, and
//! never sees a grant, a login or a setting. The jail takes its place when it comes.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, Signal};

/// First argument that makes `valet-worker` a launcher.
pub const WORD: &str = "__codec";

/// Exit code of a launcher that could not become the codec. ffmpeg itself uses 0, 1, 69, 123 and 255.
pub const EXIT_LAUNCH: u8 = 126;

/// Stack of each thread, in bytes: ffmpeg's are content with it (measured), and the default of 8 MiB would be
/// counted against the memory of every thread.
const STACK_BYTES_MAX: u64 = 1024 * 1024;

/// Open files: a run opens three pipes, its input, its output and some libraries' own.
const OPEN_FILES_MAX: u64 = 64;

/// What the launcher sets; it travels as arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    /// Process that the codec must not outlive.
    pub(super) worker_pid: u32,
    /// Largest file that the codec may write.
    pub(super) file_bytes_max: u64,
    /// Largest private memory.
    pub(super) memory_bytes_max: u64,
    /// Processor seconds of all threads together: the net under the wall clock.
    pub(super) cpu_seconds_max: u64,
}

impl Terms {
    pub(super) fn to_arguments(&self) -> [String; 5] {
        let numbers = [self.file_bytes_max, self.memory_bytes_max, self.cpu_seconds_max];
        let [file, memory, cpu] = numbers.map(|number| number.to_string());
        [WORD.to_owned(), self.worker_pid.to_string(), file, memory, cpu]
    }

    fn from_arguments(arguments: &mut impl Iterator<Item = OsString>) -> Option<Self> {
        let mut number = || arguments.next()?.to_str()?.parse::<u64>().ok();
        let worker_pid = u32::try_from(number()?).ok()?;
        Some(Self {
            worker_pid,
            file_bytes_max: number()?,
            memory_bytes_max: number()?,
            cpu_seconds_max: number()?,
        })
    }
}

/// Becomes the codec; returns only when that failed. `arguments` are those after [`WORD`].
#[must_use]
pub fn launch(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let problem = match (Terms::from_arguments(&mut arguments), arguments.next()) {
        (Some(terms), Some(program)) => become_codec(&terms, program, arguments),
        _ => std::io::Error::other("it is started by the worker only"),
    };
    eprintln!("valet-worker {WORD}: {problem}");
    ExitCode::from(EXIT_LAUNCH)
}

fn become_codec(
    terms: &Terms,
    program: OsString,
    arguments: impl Iterator<Item = OsString>,
) -> std::io::Error {
    if let Err(problem) = die_with(terms.worker_pid).and_then(|()| lower_limits(terms)) {
        return problem;
    }
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the codec module: the one place that runs a program"
    )]
    let mut codec = std::process::Command::new(program);
    codec.args(arguments).exec()
}

/// Asks the kernel to kill this process when the worker dies: without it, an orphan would encode on for hours.
fn die_with(worker_pid: u32) -> std::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // The worker may have died before the request; then another process is the parent, and no signal will come.
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if parent == Some(worker_pid) { Ok(()) } else { Err(std::io::Error::other("the worker is gone")) }
}

fn lower_limits(terms: &Terms) -> std::io::Result<()> {
    let limits = [
        (Resource::Core, 0),
        (Resource::Memlock, 0),
        (Resource::Nofile, OPEN_FILES_MAX),
        (Resource::Stack, STACK_BYTES_MAX),
        (Resource::Fsize, terms.file_bytes_max),
        (Resource::Data, terms.memory_bytes_max),
        (Resource::Cpu, terms.cpu_seconds_max),
    ];
    limits.into_iter().try_for_each(|(resource, limit)| lower(resource, limit))
}

/// Lowers one limit; a limit that is lower already stays.
fn lower(resource: Resource, limit: u64) -> std::io::Result<()> {
    let ceiling = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let limit = Some(limit.min(ceiling));
    Ok(rustix::process::setrlimit(resource, Rlimit { current: limit, maximum: limit })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_survive_the_trip_through_arguments() {
        let terms =
            Terms { worker_pid: 7, file_bytes_max: 1 << 33, memory_bytes_max: 1 << 32, cpu_seconds_max: 9 };
        let mut arguments = terms.to_arguments().into_iter().skip(1).map(OsString::from);
        assert_eq!(Terms::from_arguments(&mut arguments), Some(terms));
    }

    #[test]
    fn terms_that_are_no_numbers_are_refused() {
        let mut arguments = ["7", "x", "1", "1"].into_iter().map(OsString::from);
        assert_eq!(Terms::from_arguments(&mut arguments), None);
    }
}
