//! Which files a program needs: itself, its loader, and every library that the loader would load.
//!
//! The loader is asked (`ld.so --list`, which is what `ldd` does): it alone knows its cache, its directories for newer
//! processors, and `$ORIGIN`, and it maps libraries without running a line of them. Reading the headers ourselves
//! would be a second loader that must agree with the first.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Program, RootError, elf};

/// Most that a loader's list may say. A distribution's ffmpeg: 215 libraries, 20 KiB.
const LIST_BYTES_MAX: u64 = 1 << 20;

/// A file of the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// Where it is on this machine, symbolic links followed.
    pub(super) from: PathBuf,
    /// Whether it is started: a program or a loader.
    pub(super) executable: bool,
}

/// Everything that goes into a root.
#[derive(Debug)]
pub(super) struct Closure {
    pub(super) programs: Vec<Program>,
    pub(super) library_directories: Vec<String>,
    /// By their paths in the root.
    pub(super) files: BTreeMap<String, Source>,
}

impl Closure {
    /// The closure of these `(name, path)` programs.
    pub(super) fn of(programs: &[(&str, &Path)]) -> Result<Self, RootError> {
        let mut closure =
            Self { programs: Vec::new(), library_directories: Vec::new(), files: BTreeMap::new() };
        for (name, path) in programs {
            closure.add_program(name, path)?;
        }
        Ok(closure)
    }

    fn add_program(&mut self, name: &str, path: &Path) -> Result<(), RootError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.starts_with('.') || !name.bytes().all(plain) {
            return Err(RootError::Name(name.to_owned()));
        }
        let path =
            path.canonicalize().map_err(|cause| RootError::Program { path: path.to_owned(), cause })?;
        let loader = elf::loader(&path)?.map(|loader| self.add_dynamic(&path, &loader)).transpose()?;
        self.add_file(program_file(name), &path, true)?;
        self.programs.push(Program { name: name.to_owned(), loader });
        Ok(())
    }

    /// Adds loader and libraries; the loader's path in the root.
    fn add_dynamic(&mut self, program: &Path, loader: &Path) -> Result<String, RootError> {
        for library in list(program, loader)? {
            let inside = path_inside(&library)?;
            if let Some((directory, _)) = inside.rsplit_once('/')
                && !is_loader(&library)
                && !self.library_directories.iter().any(|known| known == directory)
            {
                self.library_directories.push(directory.to_owned());
            }
            self.add_file(inside, &library, false)?;
        }
        let inside = path_inside(loader)?;
        self.add_file(inside.clone(), loader, true)?;
        Ok(inside)
    }

    fn add_file(&mut self, inside: String, path: &Path, executable: bool) -> Result<(), RootError> {
        let from =
            path.canonicalize().map_err(|cause| RootError::Program { path: path.to_owned(), cause })?;
        match self.files.get_mut(&inside) {
            None => {
                self.files.insert(inside, Source { from, executable });
            }
            Some(known) if known.from == from => known.executable |= executable,
            Some(known) => {
                return Err(RootError::Collision { inside, one: known.from.clone(), other: from });
            }
        }
        Ok(())
    }
}

/// Where a program of this name is in the root.
pub(super) fn program_file(name: &str) -> String {
    format!("bin/{name}")
}

/// Whether this loader is musl's.
pub(super) fn is_musl(loader: &str) -> bool {
    loader.rsplit('/').next().is_some_and(|name| name.starts_with("ld-musl"))
}

fn is_loader(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with("ld-") || name == "ld.so")
}

/// Asks the loader which libraries it would load for `program`.
fn list(program: &Path, loader: &Path) -> Result<Vec<PathBuf>, RootError> {
    let failed = |cause| RootError::Loader { program: program.to_owned(), loader: loader.to_owned(), cause };
    if !loader.is_absolute() || !is_loader(loader) {
        return Err(RootError::StrangeLoader { program: program.to_owned(), loader: loader.to_owned() });
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the dynamic loader, which maps the program and does not run it"
    )]
    let mut command = Command::new(loader);
    // No environment: LD_PRELOAD and LD_LIBRARY_PATH of whoever started us have no say in what the codec loads.
    command.arg("--list").arg(program).env_clear().current_dir("/");
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(failed)?;
    let mut text = String::new();
    let read = match child.stdout.take() {
        Some(stdout) => stdout.take(LIST_BYTES_MAX).read_to_string(&mut text),
        None => Ok(0),
    };
    let ended = child.wait().map_err(failed)?;
    read.map_err(failed)?;
    let libraries =
        parse(&text).map_err(|library| RootError::Library { program: program.to_owned(), library })?;
    if !ended.success() {
        return Err(RootError::Refused { program: program.to_owned(), loader: loader.to_owned() });
    }
    Ok(libraries)
}

/// The paths of a loader's list; or the name that it did not find.
///
/// Lines are `name => path (address)`, `path (address)` for the loader itself, `name (address)` for the kernel's own.
pub(super) fn parse(text: &str) -> Result<Vec<PathBuf>, String> {
    let mut paths = Vec::new();
    for line in text.lines().map(str::trim) {
        let (name, found) = line.split_once(" => ").unwrap_or((line, line));
        if found.starts_with("not found") {
            return Err(name.to_owned());
        }
        let path = found.rsplit_once(" (0x").map_or(found, |(path, _)| path);
        if path.starts_with('/') {
            paths.push(PathBuf::from(path));
        }
    }
    Ok(paths)
}

/// The path in the root of what has this path outside: the same, without its first slash and without `..`.
fn path_inside(path: &Path) -> Result<String, RootError> {
    let unusable = || RootError::Path(path.to_owned());
    let mut parts: Vec<&str> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str().ok_or_else(unusable)?),
            Component::ParentDir => drop(parts.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    let inside = parts.join("/");
    // The loader splits its path at both signs; a line break would end the manifest's line.
    if inside.is_empty() || inside.contains([':', ';', '\n']) { Err(unusable()) } else { Ok(inside) }
}
