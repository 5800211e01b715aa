//! The codec root: a directory that holds the codec's programs, their libraries, and nothing else.
//!
//! Content decides: its name in the cache is a hash over every file's content, so that a new codec or library is a
//! new root, and at every start each file is hashed and compared with the one that it was copied from. Must never run
//! the codec outside the jail: which libraries it needs is asked of the dynamic loader.

mod cache;
mod closure;
mod content;
mod elf;
mod error;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use error::RootError;

use cache::Cache;
use closure::Closure;
use content::Plan;

/// Name of the empty file on which the output file is mounted (L1).
pub(crate) const OUTPUT_PLACEHOLDER: &str = "output";

/// A codec root, complete and checked.
#[derive(Debug, Clone)]
pub struct Root {
    directory: PathBuf,
    programs: Vec<Program>,
    library_directories: Vec<String>,
    repaired: Option<String>,
}

/// A program of the root.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Program {
    name: String,
    /// Its dynamic loader, relative to the root; none for a static program.
    loader: Option<String>,
}

impl Root {
    /// Makes the root of these `(name, path)` programs in `cache`, or finds it there unharmed.
    ///
    /// Reads every file of it twice, here and in the cache: some tenths of a second for a distribution's ffmpeg.
    ///
    /// # Errors
    /// A program cannot be read, is no ELF program, or lacks a library; the cache is not ours or cannot be written.
    pub fn prepare(cache: &Path, programs: &[(&str, &Path)]) -> Result<Self, RootError> {
        let closure = Closure::of(programs)?;
        let plan = Plan::of(&closure)?;
        let (directory, repaired) = Cache::open(cache)?.root(&plan)?;
        let Closure { programs, library_directories, .. } = closure;
        Ok(Self { directory, programs, library_directories, repaired })
    }

    /// The directory that becomes `/` of the jail.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether a program of this name is in the root.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.program(name).is_some()
    }

    /// Whether this program needs no dynamic loader.
    #[must_use]
    pub fn is_static(&self, name: &str) -> bool {
        self.program(name).is_some_and(|program| program.loader.is_none())
    }

    /// The program's dynamic loader, relative to the root.
    #[must_use]
    pub fn loader(&self, name: &str) -> Option<&str> {
        self.program(name)?.loader.as_deref()
    }

    /// Directories of libraries, relative to the root.
    #[must_use]
    pub fn library_directories(&self) -> &[String] {
        &self.library_directories
    }

    /// [`Self::library_directories`] as the loader's `--library-path`; the working directory must be the root.
    #[must_use]
    pub fn library_path(&self) -> String {
        self.library_directories.join(":")
    }

    /// What to exec with the working directory at the root: the first word is the file, and all are the words before
    /// the codec's own arguments.
    ///
    /// A dynamic program starts through the root's own loader, which finds libraries by relative names alone: the
    /// name in the program's header is absolute, and would be the host's loader at L2.
    #[must_use]
    pub fn command(&self, name: &str) -> Option<Vec<String>> {
        let file = closure::program_file(name);
        let Some(loader) = &self.program(name)?.loader else { return Some(vec![file]) };
        let mut words = vec![loader.clone()];
        if !closure::is_musl(loader) {
            // The host's cache would name the host's libraries. musl has none, and does not know the word.
            words.push("--inhibit-cache".to_owned());
        }
        words.extend(["--library-path".to_owned(), self.library_path(), file]);
        Some(words)
    }

    /// What was wrong with the root that the cache held, if it held a damaged one. It was not used.
    #[must_use]
    pub fn repaired(&self) -> Option<&str> {
        self.repaired.as_deref()
    }

    fn program(&self, name: &str) -> Option<&Program> {
        self.programs.iter().find(|program| program.name == name)
    }
}
