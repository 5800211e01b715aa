//! Scratch: one private directory per worker, one inside it per job, gone when the job is.
//!
//! Bytes are reserved before they are written, so that two jobs never count on the same room. Must never hold a
//! grant, and never remove anything that a living worker owns.

mod owned;
mod reserved;

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::time::Instant;

use owned::Owned;
use reserved::{Promise, Promises, Refusal};

/// Bytes that stay free whatever jobs need, unless told otherwise: the file system serves others too, and a full one fails everybody.
pub const FREE_BYTES_MIN: u64 = 256 * 1024 * 1024;

/// Scratch could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ScratchError {
    /// The root is missing and could not be made, or something in it could not.
    #[error("cannot use the scratch directory {}", path.display())]
    Use {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// Somebody else could change what lies in the root.
    #[error("the scratch directory {} is not private: {problem}", path.display())]
    NotPrivate {
        /// The root.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is no room for the job at present.
    #[error("scratch has {free_bytes} bytes free, the job needs {needed_bytes}")]
    Full {
        /// What the job needs.
        needed_bytes: u64,
        /// What is free and not reserved, above what stays free.
        free_bytes: u64,
    },
}

impl ScratchError {
    /// What a person should do.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Use { .. } => "set worker.scratch to a directory that this user may write",
            Self::NotPrivate { .. } => {
                "set worker.scratch to a directory that belongs to this user and that nobody else may write"
            }
            Self::Full { .. } => "give the worker more disk space, or fewer slots",
        }
    }
}

/// This worker's scratch.
#[derive(Debug, Clone)]
pub struct Scratch(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    owned: Owned,
    /// Bytes that stay free whatever jobs need.
    free_bytes_min: u64,
    promises: Promises,
}

impl Scratch {
    /// Removes what dead workers left under `root`, then makes this worker's own directory in it.
    ///
    /// # Errors
    /// [`ScratchError`], also when `root` belongs to another user or others may write it.
    pub fn open(root: &Path) -> Result<Self, ScratchError> {
        Self::open_keeping(root, FREE_BYTES_MIN)
    }

    /// The same with another number of bytes that stay free.
    ///
    /// # Errors
    /// As [`Scratch::open`].
    pub fn open_keeping(root: &Path, free_bytes_min: u64) -> Result<Self, ScratchError> {
        make_private(root).map_err(|cause| ScratchError::Use { path: root.to_owned(), cause })?;
        require_private(root)?;
        let used = |cause| ScratchError::Use { path: root.to_owned(), cause };
        owned::sweep_dead(root).map_err(used)?;
        let owned = Owned::make(root).map_err(used)?;
        Ok(Self(Arc::new(Shared { owned, free_bytes_min, promises: Promises::default() })))
    }

    /// This worker's directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.0.owned.directory()
    }

    /// Bytes that are free for new jobs: neither used, nor promised to a job that has yet to write them, nor kept back.
    ///
    /// # Errors
    /// When the file system does not answer.
    pub fn room_bytes(&self) -> Result<u64, ScratchError> {
        self.room_beside(self.0.promises.unwritten_bytes())
    }

    /// What a job needed that was refused lately for want of room, if one was and it still counts.
    #[must_use]
    pub fn refused_bytes(&self) -> Option<u64> {
        self.0.promises.refused_bytes(Instant::now())
    }

    /// Ends when a job was refused since the last call, which only one may wait for.
    pub async fn refused(&self) {
        self.0.promises.refusals.notified().await;
    }

    /// Asked after `unwritten_bytes` were counted: what is written in between counts twice rather than not at all.
    fn room_beside(&self, unwritten_bytes: u64) -> Result<u64, ScratchError> {
        let free = free_bytes(self.directory()).map_err(|cause| self.unusable(cause))?;
        Ok(free.saturating_sub(self.0.free_bytes_min.saturating_add(unwritten_bytes)))
    }

    /// Makes a job's directory; what an earlier delivery of the same attempt left there is removed first.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_job(&self, name: &str) -> Result<JobScratch, ScratchError> {
        let path = self.directory().join(name);
        remove(&path).and_then(|()| make_private(&path)).map_err(|cause| self.unusable(cause))?;
        Ok(JobScratch { path, scratch: self.clone(), promise: None })
    }

    fn unusable(&self, cause: io::Error) -> ScratchError {
        ScratchError::Use { path: self.directory().to_owned(), cause }
    }
}

/// One job's directory and its reserved room; both are given back when it is dropped.
#[derive(Debug)]
pub struct JobScratch {
    path: PathBuf,
    scratch: Scratch,
    promise: Option<Arc<Promise>>,
}

impl From<Refusal> for ScratchError {
    fn from(Refusal { needed_bytes, room_bytes }: Refusal) -> Self {
        Self::Full { needed_bytes, free_bytes: room_bytes }
    }
}

impl JobScratch {
    /// The directory, mode 0700.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reserves `needed_bytes` for this job, once.
    ///
    /// # Errors
    /// [`ScratchError::Full`] when there is less room than that; no job is taken for a while then.
    pub fn reserve(&mut self, needed_bytes: u64) -> Result<(), ScratchError> {
        let scratch = &self.scratch;
        self.promise = Some(scratch.0.promises.make(needed_bytes, |taken| scratch.room_beside(taken))?);
        Ok(())
    }

    /// What is written to `file`, which need not have a name, is written to the reserved room.
    pub fn count(&self, file: &Arc<File>) {
        if let Some(promise) = &self.promise {
            promise.count(file);
        }
    }
}

impl Drop for JobScratch {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "a job's scratch could not be removed");
        }
    }
}

/// Free bytes for this user on the file system of `path`.
///
/// # Errors
/// When the file system does not answer.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let system = rustix::fs::statvfs(path)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn require_private(path: &Path) -> Result<(), ScratchError> {
    let refuse = |problem| Err(ScratchError::NotPrivate { path: path.to_owned(), problem });
    let entry = std::fs::symlink_metadata(path)
        .map_err(|cause| ScratchError::Use { path: path.to_owned(), cause })?;
    match entry {
        entry if !entry.is_dir() => refuse("it is not a directory"),
        entry if entry.uid() != rustix::process::geteuid().as_raw() => refuse("it belongs to another user"),
        entry if entry.mode() & 0o022 != 0 => refuse("others may write it"),
        _ => Ok(()),
    }
}

/// Removes a directory and all in it; that there is none is fine.
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_job_gets_a_private_empty_directory_that_vanishes_with_it() {
        let root = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(root.path()).unwrap();
        let job = scratch.make_job("job-1").unwrap();
        assert_eq!(mode(job.path()), 0o700);
        std::fs::write(job.path().join("input"), b"bytes").unwrap();
        let path = job.path().to_owned();
        drop(job);
        assert!(!path.exists());
    }

    #[test]
    fn what_an_earlier_delivery_left_is_swept_at_start() {
        let root = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(root.path()).unwrap();
        let left = scratch.directory().join("job-1/output");
        std::fs::create_dir_all(left.parent().unwrap()).unwrap();
        std::fs::write(&left, b"half").unwrap();
        let job = scratch.make_job("job-1").unwrap();
        assert!(job.path().exists() && !left.exists());
    }

    #[test]
    fn room_is_promised_to_one_job_only_and_given_back() {
        let root = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(root.path()).unwrap();
        let room = scratch.room_bytes().unwrap();
        let (mut first, mut second) = (scratch.make_job("a").unwrap(), scratch.make_job("b").unwrap());
        // Two thirds, so that what other processes write meanwhile does not matter.
        first.reserve(room / 3 * 2).unwrap();
        assert!(matches!(second.reserve(room / 3 * 2), Err(ScratchError::Full { .. })));
        drop((first, second));
        scratch.make_job("c").unwrap().reserve(room / 3 * 2).unwrap();
    }

    #[test]
    fn what_a_job_has_written_is_not_counted_a_second_time() {
        const MIB: u64 = 1024 * 1024;
        let root = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(root.path()).unwrap();
        let mut job = scratch.make_job("a").unwrap();
        job.reserve(8 * MIB).unwrap();
        let path = job.path().join("output");
        let file = Arc::new(File::create(&path).unwrap());
        job.count(&file);
        std::fs::remove_file(path).unwrap();
        let unwritten = || scratch.0.promises.unwritten_bytes();
        assert_eq!(unwritten(), 8 * MIB, "nothing is written yet");
        std::os::unix::fs::FileExt::write_all_at(&*file, &vec![1; 6 * 1024 * 1024], 0).unwrap();
        file.sync_all().unwrap();
        assert!(unwritten() <= 2 * MIB, "{} bytes are counted twice", unwritten() - 2 * MIB);
        std::os::unix::fs::FileExt::write_all_at(&*file, &vec![1; 6 * 1024 * 1024], 6 * MIB).unwrap();
        file.sync_all().unwrap();
        assert_eq!(unwritten(), 0, "it took more than it had reserved");
        drop(file);
        assert_eq!(unwritten(), 8 * MIB, "the file is gone, and its bytes are free again");
        drop(job);
        assert_eq!(unwritten(), 0);
    }

    #[test]
    fn a_root_that_others_may_write_is_refused() {
        let root = tempfile::tempdir().unwrap();
        std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(Scratch::open(root.path()), Err(ScratchError::NotPrivate { .. })));
    }

    #[test]
    fn a_root_that_is_a_link_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let link = root.path().join("link");
        std::os::unix::fs::symlink(root.path(), &link).unwrap();
        assert!(matches!(Scratch::open(&link), Err(ScratchError::NotPrivate { .. })));
    }

    #[test]
    fn dead_workers_are_swept_and_living_ones_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let living = Scratch::open(root.path()).unwrap();
        let dead = root.path().join("worker-00000000deadbeef");
        std::fs::create_dir(&dead).unwrap();
        std::fs::write(dead.join("output"), b"half").unwrap();
        std::fs::write(root.path().join("worker-00000000deadbeef.lock"), b"").unwrap();
        let other = root.path().join("something-else");
        std::fs::create_dir(&other).unwrap();
        let next = Scratch::open(root.path()).unwrap();
        assert!(!dead.exists(), "a dead worker's directory is still there");
        assert!(other.exists(), "a directory that is no worker's was removed");
        assert!(living.directory().exists() && next.directory().exists());
        assert_ne!(living.directory(), next.directory());
    }

    #[test]
    fn a_worker_that_ends_takes_its_directory_along() {
        let root = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(root.path()).unwrap();
        drop(scratch);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
