//! The codec root: a directory that holds the codec's programs, their libraries, and nothing else.
//!
//! Built once per content, kept in a cache, and checked byte by byte at every start. Must never run the codec
//! outside the jail: its libraries are asked of the dynamic loader.

use std::path::{Path, PathBuf};

/// A prepared and checked codec root.
#[derive(Debug, Clone)]
pub struct Root {
    directory: PathBuf,
    programs: Vec<Program>,
    library_directories: Vec<String>,
}

#[derive(Debug, Clone)]
struct Program {
    name: String,
    loader: Option<String>,
}

impl Root {
    /// Makes the root of these `(name, path)` programs in `cache`, or finds it there unharmed.
    ///
    /// # Errors
    /// A program cannot be read, is no ELF program, or lacks a library; the cache is not ours or cannot be written.
    pub fn prepare(cache: &Path, programs: &[(&str, &Path)]) -> Result<Self, RootError> {
        let _ = (cache, programs);
        Err(RootError::Unfinished)
    }

    /// The directory that becomes `/` of the jail.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether a program of this name is in the root.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.programs.iter().any(|program| program.name == name)
    }

    /// Whether this program needs no dynamic loader.
    #[must_use]
    pub fn is_static(&self, name: &str) -> bool {
        self.has(name) && self.loader(name).is_none()
    }

    /// The program's dynamic loader, relative to the root.
    #[must_use]
    pub fn loader(&self, name: &str) -> Option<&str> {
        self.programs.iter().find(|program| program.name == name)?.loader.as_deref()
    }

    /// Directories of libraries, relative to the root.
    #[must_use]
    pub fn library_directories(&self) -> &[String] {
        &self.library_directories
    }

    /// [`Self::library_directories`] as the loader's `--library-path`.
    #[must_use]
    pub fn library_path(&self) -> String {
        self.library_directories.join(":")
    }

    /// What to exec, with the working directory at the root: the first word is the file, the rest are the words
    /// before the codec's own arguments.
    #[must_use]
    pub fn command(&self, name: &str) -> Option<Vec<String>> {
        let program = self.programs.iter().find(|program| program.name == name)?;
        let file = format!("bin/{name}");
        let Some(loader) = &program.loader else { return Some(vec![file]) };
        Some(vec![
            loader.clone(),
            "--inhibit-cache".into(),
            "--library-path".into(),
            self.library_path(),
            file,
        ])
    }
}

/// A codec root could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// Not written yet.
    #[error("unfinished")]
    Unfinished,
}

impl RootError {
    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> String {
        String::new()
    }
}
