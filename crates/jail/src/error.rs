//! What can go wrong around a jail, for the worker: the step with the kernel's reason, or the loss of a process.

use std::io;
use std::path::PathBuf;

use crate::wire::Failure;

/// The zygote did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No socket pair.
    #[error("cannot make a socket for the jailer")]
    Socket(#[source] io::Error),
    /// The program did not start.
    #[error("cannot start the jailer's process")]
    Spawn(#[source] io::Error),
    /// It started and said nothing.
    #[error("the jailer's process started and did not report")]
    Silent,
    /// It could not prepare itself.
    #[error("the jailer's process cannot prepare itself at step {step}")]
    Prepare {
        /// The step's stable name.
        step: String,
        /// The kernel's reason.
        #[source]
        cause: io::Error,
    },
}

impl StartError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Socket(_) => "raise the limit of open files (ulimit -n), or see the kernel's log",
            Self::Spawn(_) => {
                "/proc must be mounted, and the worker's program readable and executable for its user"
            }
            Self::Silent => {
                "see the lines above on stderr; a program other than the worker may have been started"
            }
            Self::Prepare { .. } => {
                "the kernel or the container's seccomp profile refuses this call to any process"
            }
        }
    }
}

impl From<Failure> for StartError {
    fn from(failure: Failure) -> Self {
        Self::Prepare { step: failure.step, cause: io::Error::from_raw_os_error(failure.errno) }
    }
}

/// A jail was not made, or was lost.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// A step of its making did not work. Nothing of the codec ran.
    #[error("cannot make the jail: step {step} was refused")]
    Setup {
        /// The step's stable name, as in `docs/jail.md`.
        step: String,
        /// The kernel's reason.
        #[source]
        cause: io::Error,
    },
    /// The zygote is gone or does not take orders.
    #[error("cannot reach the jailer's process")]
    Zygote(#[source] io::Error),
    /// A launcher vanished without a word; its jail died with it.
    #[error("the jail's launcher was killed from outside")]
    Lost,
    /// The root has no such program.
    #[error("the codec's root has no program {0}")]
    Program(String),
    /// The output file cannot be handed over, or is already.
    #[error("cannot hand the output file to the jail")]
    Output(#[source] io::Error),
    /// A path that is not UTF-8.
    #[error("the path {0:?} is not UTF-8")]
    Path(PathBuf),
    /// The worker's own resources.
    #[error("cannot make {what} for the jail")]
    Resources {
        /// What was to be made.
        what: &'static str,
        /// The kernel's reason.
        #[source]
        cause: io::Error,
    },
}

impl JailError {
    /// The step that was refused, if one was.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Setup { step, .. } => Some(step),
            _ => None,
        }
    }

    /// The kernel's reason for the refused step.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Setup { cause, .. } => cause.raw_os_error(),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Setup { .. } => "run valet-worker prove: it names the cause and the setting to change",
            Self::Zygote(_) => {
                "the worker must be started anew; see its log for what killed the jailer's process"
            }
            Self::Lost => "see the kernel's log: out of memory is the usual reason",
            Self::Program(_) => {
                "name the program in the worker's settings, so that it is put into the codec's root"
            }
            Self::Output(_) => {
                "the job's directory must be writable for the worker's user; each jail needs its own file"
            }
            Self::Path(_) => "use a scratch directory whose name is UTF-8",
            Self::Resources { .. } => "raise the limit of open files (ulimit -n) of the worker",
        }
    }

    pub(crate) fn setup(step: &str, errno: i32) -> Self {
        Self::Setup { step: step.to_owned(), cause: io::Error::from_raw_os_error(errno) }
    }

    pub(crate) fn resources(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Resources { what, cause }
    }
}

impl From<Failure> for JailError {
    fn from(failure: Failure) -> Self {
        Self::setup(&failure.step, failure.errno)
    }
}
