//! As whom, and in what surroundings, the workers of all tests run. Every promise must hold in each.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use crate::{Folder, Program, bin, workspace};

/// `root` and `user` say as whom workers run, `l2` and `l2-user` besides that they get no namespaces. Without
/// it: as whoever runs the tests. `cargo xtask test --workers` sets it.
const ENV_WORKER: &str = "VALET_TEST_WORKER";

/// A user that nobody has.
const USER: u32 = 65_533;

/// How workers run.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// Another user than ours.
    user: Option<u32>,
    /// Whether the kernel gives them namespaces.
    pub has_namespaces: bool,
}

impl Mode {
    /// What was asked for.
    ///
    /// # Panics
    /// When it is no such word, or asks for what only root can give.
    pub fn given() -> Self {
        let is_root = rustix::process::getuid().is_root();
        let word = std::env::var(ENV_WORKER).unwrap_or_default();
        let (as_user, has_namespaces) = match word.as_str() {
            "" => (false, true),
            "root" => {
                assert!(is_root, "{ENV_WORKER}=root, but the tests do not run as root");
                (false, true)
            }
            "user" => (true, true),
            "l2" => (false, false),
            "l2-user" => (true, false),
            other => panic!("{ENV_WORKER}={other} is none of root, user, l2, l2-user"),
        };
        // Whoever is not root is an unprivileged user already, and can become no other.
        Self { user: (as_user && is_root).then_some(USER), has_namespaces }
    }

    /// The same without namespaces.
    pub fn without_namespaces(self) -> Self {
        Self { has_namespaces: false, ..self }
    }

    /// A worker's program, to be given a verb.
    ///
    /// # Panics
    /// When workers run as another user, who cannot get at it.
    pub fn worker(self, program: PathBuf) -> Program {
        let worker = self.reachable(program);
        let program = match self.has_namespaces {
            true => Program::new(worker),
            false => Program::new(self.reachable(bin("without-namespaces"))).arg(worker),
        };
        match self.user {
            Some(user) => program.user(user),
            None => program,
        }
    }

    /// A private folder of whoever workers run as.
    pub fn folder(self, name: &str) -> Folder {
        match self.user {
            Some(user) => Folder::of_user(name, user),
            None => Folder::new(name),
        }
    }

    /// Where all workers keep the codec's roots: copying hundreds of libraries for each test would take longer than
    /// the tests.
    ///
    /// # Panics
    /// When the target folder cannot be written to.
    pub fn roots(self) -> PathBuf {
        let user = self.user.unwrap_or_else(|| rustix::process::getuid().as_raw());
        let roots = workspace::root().join("target/test-roots").join(user.to_string());
        std::fs::create_dir_all(&roots).expect("target is writable");
        chown(&roots, Some(user), Some(user)).expect("our own folder, or we are root");
        roots
    }

    /// A copy of a file for workers alone.
    ///
    /// # Panics
    /// When it cannot be read, or the folder cannot be written to.
    pub fn hand_over(self, file: &Path, folder: &Folder) -> PathBuf {
        let bytes = std::fs::read(file).unwrap_or_else(|e| panic!("cannot read {}: {e}", file.display()));
        let copy = folder.join(file.file_name().unwrap_or_default().to_str().expect("UTF-8"));
        if std::fs::read(&copy).is_ok_and(|there| there == bytes) {
            return copy; // a worker may be reading it
        }
        std::fs::write(&copy, bytes).expect("a private folder is writable");
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&copy, private).expect("our own file's mode is ours to set");
        if let Some(user) = self.user {
            chown(&copy, Some(user), Some(user)).expect("root gives files away");
        }
        copy
    }

    /// The program, when workers can get at it.
    fn reachable(self, program: PathBuf) -> PathBuf {
        let closed_to_others = |folder: &&Path| {
            folder.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o001 == 0)
        };
        if self.user.is_some() {
            let closed = program.ancestors().find(closed_to_others);
            let path = closed.unwrap_or(Path::new(""));
            assert!(
                closed.is_none(),
                "{} is closed to others, and {ENV_WORKER} asks for workers of another user: chmod o+x it, or run \
                 the tests as the user",
                path.display()
            );
        }
        program
    }
}
