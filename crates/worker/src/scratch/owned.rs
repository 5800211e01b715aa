//! A worker's own directory and the lock file beside it. The kernel holds the lock as long as the worker lives:
//! a directory whose lock can be taken belongs to nobody any more.
//!
//! Must never remove a directory without holding its lock.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

const PREFIX: &str = "worker-";
const LOCK_SUFFIX: &str = ".lock";

/// Names tried before giving up; two workers that draw the same one are rare, three times in a row impossible.
const NAMES_MAX: usize = 8;

/// A worker's directory under its lock; both are removed at the end.
#[derive(Debug)]
pub(super) struct Owned {
    directory: PathBuf,
    lock_path: PathBuf,
    _lock: File,
}

impl Owned {
    /// Takes the lock of a new name, then makes the directory: nobody ever sees one without its lock.
    pub(super) fn make(root: &Path) -> io::Result<Self> {
        for _ in 0..NAMES_MAX {
            let directory = root.join(format!("{PREFIX}{:016x}", fastrand::u64(..)));
            let lock_path = lock_path(&directory);
            if directory.exists() {
                continue;
            }
            if let Some(lock) = take_lock(&lock_path)? {
                super::make_private(&directory)?;
                return Ok(Self { directory, lock_path, _lock: lock });
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "no free name was found"))
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // The lock file last, while its lock is held: a sweeper in between finds nothing to remove.
        let removed = super::remove(&self.directory).and_then(|()| std::fs::remove_file(&self.lock_path));
        if let Err(error) = removed {
            tracing::warn!(path = %self.directory.display(), %error, "scratch could not be removed");
        }
    }
}

/// Removes the directories of workers that are dead.
pub(super) fn sweep_dead(root: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(root)? {
        let path = entry?.path();
        if is_workers(&path) && path.is_dir() {
            sweep_one(&path)?;
        }
    }
    Ok(())
}

fn sweep_one(directory: &Path) -> io::Result<()> {
    let lock_path = lock_path(directory);
    // No lock: its worker lives. It must be held until all is gone, since a new worker could draw the name.
    let Some(_lock) = take_lock(&lock_path)? else { return Ok(()) };
    super::remove(directory)?;
    tracing::info!(path = %directory.display(), "swept the scratch of a worker that is gone");
    std::fs::remove_file(lock_path)
}

fn is_workers(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX))
}

fn lock_path(directory: &Path) -> PathBuf {
    let mut name = directory.as_os_str().to_owned();
    name.push(LOCK_SUFFIX);
    name.into()
}

/// The lock, or nothing when another process has it.
fn take_lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        // A file without a name was removed between open and lock; its lock keeps nobody out.
        Ok(()) => Ok((file.metadata()?.nlink() > 0).then_some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
