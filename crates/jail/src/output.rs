//! The one file that a jail may write. The worker makes it, keeps its own descriptor, and takes the name away as soon
//! as the jail stands: a crash at any later moment leaves nothing on the disk.
//!
//! What is in it came from an attacker: read it only when the jail is dead, and trust nothing about it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// Nobody but the owner opens the file by its name, as long as it has one.
const MODE: u32 = 0o600;

/// A private regular file for the output of one jail.
#[derive(Debug)]
pub struct Output {
    file: Arc<File>,
    name: Option<PathBuf>,
}

impl Output {
    /// Makes an empty file in `directory`, which must be the job's own and closed to other users.
    pub fn create(directory: &Path) -> io::Result<Self> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = directory.join(format!("output-{}-{number}", std::process::id()));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(MODE).open(&name)?;
        Ok(Self { file: Arc::new(file), name: Some(name) })
    }

    /// Bytes in the file at this moment; holes count.
    pub fn bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// When the codec wrote last.
    pub fn modified(&self) -> io::Result<SystemTime> {
        self.file.metadata()?.modified()
    }

    /// The worker's own descriptor. The jail never shares its offset.
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// The name, while the jail is not yet standing.
    pub(crate) fn name(&self) -> Option<&Path> {
        self.name.as_deref()
    }

    /// A descriptor that names the file and can neither read nor write it. The jail opens the file anew, so that no
    /// two descriptors share an offset (ffmpeg's `fd:` with faststart corrupts its output that way).
    pub(crate) fn handle(&self) -> io::Result<OwnedFd> {
        let name = self.name.as_deref().ok_or(io::ErrorKind::AlreadyExists)?;
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::CLOEXEC;
        Ok(rustix::fs::open(name, flags, rustix::fs::Mode::empty())?)
    }

    /// Takes the name away. The file lives on in its descriptors.
    pub(crate) fn unlink(&mut self) -> io::Result<()> {
        self.name.take().map_or(Ok(()), std::fs::remove_file)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // A file that cannot be removed lies in the job's directory, which the worker sweeps as a whole.
        let _ = self.unlink();
    }
}
