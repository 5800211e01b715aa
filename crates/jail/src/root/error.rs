//! What keeps a codec root from being made, and what to do about it.

use std::io;
use std::path::PathBuf;

/// A codec root could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// A program's name in the root has a slash, a space or the like.
    #[error("{0:?} cannot be a program's name")]
    Name(String),
    /// A program or library cannot be read.
    #[error("cannot read {path}", path = path.display())]
    Program {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// A script, or a program of another system.
    #[error("{path} is no 64-bit ELF program", path = .0.display())]
    NotElf(PathBuf),
    /// A program for another processor.
    #[error("{path} is a program for another processor", path = .0.display())]
    OtherMachine(PathBuf),
    /// What the program names as its loader has not a loader's name.
    #[error("{program} asks for a strange dynamic loader, {loader}", program = program.display(), loader = loader.display())]
    StrangeLoader {
        /// The program.
        program: PathBuf,
        /// What it names.
        loader: PathBuf,
    },
    /// The loader cannot be started.
    #[error("cannot ask {loader} for the libraries of {program}", program = program.display(), loader = loader.display())]
    Loader {
        /// The program.
        program: PathBuf,
        /// Its loader.
        loader: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// The loader does not accept the program.
    #[error("{loader} refuses to load {program}", program = program.display(), loader = loader.display())]
    Refused {
        /// The program.
        program: PathBuf,
        /// Its loader.
        loader: PathBuf,
    },
    /// The loader does not find a library.
    #[error("{program} needs {library}, which is not found", program = program.display())]
    Library {
        /// The program.
        program: PathBuf,
        /// The library's name.
        library: String,
    },
    /// A library's path has a colon, a semicolon or a line break, or is no text.
    #[error("the loader could not be told the path {path}", path = .0.display())]
    Path(PathBuf),
    /// Two files would have the same path in the root.
    #[error("{one} and {other} would both be {inside}", one = one.display(), other = other.display())]
    Collision {
        /// The path in the root.
        inside: String,
        /// One file.
        one: PathBuf,
        /// The other.
        other: PathBuf,
    },
    /// The cache cannot be used.
    #[error("cannot use {path}", path = path.display())]
    Cache {
        /// The directory, or what is in it.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// The cache belongs to somebody else, or others may write in it.
    #[error("{path} is not ours alone", path = .0.display())]
    CacheNotOurs(PathBuf),
    /// Nothing in the cache can be started.
    #[error("{path} is mounted noexec", path = .0.display())]
    CacheNoExec(PathBuf),
    /// A file cannot be copied.
    #[error("cannot copy {path} into the codec root", path = path.display())]
    Copy {
        /// The copy.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// A source changed while it was copied.
    #[error("the codec changed while it was copied: {0}")]
    Changed(String),
}

impl RootError {
    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Name(_) => "name it with letters, digits, '-', '_' and '.'",
            Self::Program { .. } => "check the path, and that the worker's user may read the file",
            Self::NotElf(_) => {
                "set the path of the program itself; a script or a version manager's shim cannot go into the jail"
            }
            Self::OtherMachine(_) => "install the codec for this machine's processor",
            Self::StrangeLoader { .. } => "use a codec of this distribution, or a static build",
            Self::Loader { .. } | Self::Refused { .. } => {
                "install the C library that the codec was built for, or use a static build"
            }
            Self::Library { .. } => {
                "install the library; if it lies in a directory of its own, name that in /etc/ld.so.conf.d and run \
                 ldconfig (LD_LIBRARY_PATH is not used), or use a static build"
            }
            Self::Path(_) => "move the library to a directory without ':', ';' and line breaks in its name",
            Self::Collision { .. } => "give the programs different names",
            Self::Cache { .. } | Self::Copy { .. } => {
                "set jail.roots to a directory on disk that the worker's user owns, with some 500 MB free"
            }
            Self::CacheNotOurs(_) => {
                "set jail.roots to a directory that belongs to the worker's user, and take others' right to write (chmod go-w)"
            }
            Self::CacheNoExec(_) => "set jail.roots to a directory on a file system mounted without noexec",
            Self::Changed(_) => "start the worker again once the codec's update is through",
        }
    }
}
