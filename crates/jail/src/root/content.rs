//! What a root must hold, byte for byte: sizes and SHA-256 of every file, and the hash over all of it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};

use super::closure::Closure;
use super::{OUTPUT_PLACEHOLDER, RootError};

/// Threads that hash. Two, since the worker's start may be one of many on the machine.
const THREADS: usize = 2;

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 << 10;

/// Hexadecimal digits of a root's name in the cache: 128 bits.
const KEY_DIGITS: usize = 32;

/// A file's size and SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) bytes: u64,
    pub(super) sha256: [u8; 32],
}

/// A file that a root must hold.
#[derive(Debug)]
pub(super) struct Item {
    /// Its path in the root.
    pub(super) inside: String,
    /// What it is copied from; none: it is empty.
    pub(super) from: Option<PathBuf>,
    pub(super) executable: bool,
    pub(super) content: Content,
}

/// Everything that a root must hold, ordered by path.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) items: Vec<Item>,
}

impl Plan {
    /// Reads and hashes every source.
    pub(super) fn of(closure: &Closure) -> Result<Self, RootError> {
        let paths: Vec<_> = closure.files.values().map(|source| source.from.as_path()).collect();
        let contents = hash(&paths).map_err(|(path, cause)| RootError::Program { path, cause })?;
        let item = |((inside, source), content): ((&String, &super::closure::Source), Content)| Item {
            inside: inside.clone(),
            from: Some(source.from.clone()),
            executable: source.executable,
            content,
        };
        let mut items: Vec<_> = closure.files.iter().zip(contents).map(item).collect();
        items.push(placeholder());
        items.sort_by(|one, other| one.inside.cmp(&other.inside));
        Ok(Self { items })
    }

    /// One line per file: `r` or `x`, size, SHA-256, path.
    pub(super) fn manifest(&self) -> String {
        let mut text = String::from("valet codec root 1\n");
        for Item { inside, executable, content, .. } in &self.items {
            let kind = if *executable { 'x' } else { 'r' };
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{kind} {} {} {inside}", content.bytes, hex(&content.sha256));
        }
        text
    }

    /// The root's name in the cache: a hash over the manifest, and thus over every name and every byte.
    pub(super) fn key(&self) -> String {
        let mut key = hex(&Sha256::digest(self.manifest()));
        key.truncate(KEY_DIGITS);
        key
    }
}

fn placeholder() -> Item {
    let content = Content { bytes: 0, sha256: Sha256::digest([]).into() };
    Item { inside: OUTPUT_PLACEHOLDER.to_owned(), from: None, executable: false, content }
}

/// Size and SHA-256 of each file, in the order given, by [`THREADS`] threads.
pub(super) fn hash(paths: &[&Path]) -> Result<Vec<Content>, (PathBuf, io::Error)> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(vec![None; paths.len()]);
    let failure = Mutex::new(None);
    let work = || {
        while let Some((index, path)) = take(&next, paths) {
            match hash_file(path) {
                Ok(content) => lock(&results)[index] = Some(content),
                Err(error) => {
                    *lock(&failure) = Some((path.to_owned(), error));
                    return;
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(work);
        }
    });
    match lock(&failure).take() {
        Some(failure) => Err(failure),
        None => Ok(lock(&results).iter().copied().flatten().collect()),
    }
}

fn take<'a>(next: &AtomicUsize, paths: &[&'a Path]) -> Option<(usize, &'a Path)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    paths.get(index).map(|path| (index, *path))
}

fn hash_file(path: &Path) -> io::Result<Content> {
    let mut file = File::open(path)?;
    let (mut hasher, mut chunk, mut bytes) = (Sha256::new(), vec![0; CHUNK_BYTES], 0);
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(Content { bytes, sha256: hasher.finalize().into() });
        }
        hasher.update(&chunk[..read]);
        bytes += read as u64;
    }
}

/// A thread that panicked has not left a half-written value behind.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
