//! Private folders that vanish with their owner, and with the next run when their owner was killed.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

static NUMBER: AtomicU64 = AtomicU64::new(1);
static SWEEP: Once = Once::new();

/// A folder that only this user can read, removed on drop.
///
/// Its name starts with the process id of its owner: folders whose owner is gone are swept by the next
/// process that makes one. The path is short, since Unix sockets allow 108 bytes.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes a new, empty folder; `name` helps a reader of the temporary folder.
    ///
    /// # Panics
    /// When the system's temporary folder is not writable.
    pub fn new(name: &str) -> Self {
        let base = base();
        private_folder(&base);
        SWEEP.call_once(|| sweep(&base));
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = base.join(format!("{}-{number}-{name}", std::process::id()));
        // A process of the same id may have left one just now; then it is stale.
        let _ = fs::remove_dir_all(&path);
        private_folder(&path);
        Self(path)
    }

    /// A new, empty folder of another user, for a program that runs as that one; only root can make it. It is
    /// beside that user's own, since nobody else may look into ours.
    ///
    /// # Panics
    /// When we are not root.
    pub fn of_user(name: &str, user: u32) -> Self {
        let base = base_of(user);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = base.join(format!("{}-{number}-{name}", std::process::id()));
        private_folder(&base);
        sweep(&base);
        private_folder(&path);
        for folder in [&base, &path] {
            chown(folder, Some(user), Some(user))
                .unwrap_or_else(|e| panic!("cannot give {} to user {user}: {e}", folder.display()));
        }
        Self(path)
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of `name` inside it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file inside it, readable for this user alone, and returns its path.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, content).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Where all of them are, for this user.
pub fn base() -> PathBuf {
    base_of(rustix::process::getuid().as_raw())
}

fn base_of(user: u32) -> PathBuf {
    std::env::temp_dir().join(format!("valet-test-{user}"))
}

fn private_folder(path: &Path) {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .unwrap_or_else(|e| panic!("cannot make {}: {e}", path.display()));
}

/// Removes the folders of processes that no longer live.
fn sweep(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.split('-').next().unwrap_or_default().to_owned();
        let stale = owner.parse::<u32>().is_ok() && !Path::new("/proc").join(&owner).exists();
        if stale {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
