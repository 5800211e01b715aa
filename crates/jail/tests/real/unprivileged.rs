//! The same tests once more as an ordinary user, when they run as root.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

/// A user that nobody is.
const USER: u32 = 1_999_999_999;

/// Says that this is the second run.
const MARK: &str = "VALET_JAIL_FIXTURE";

#[test]
fn everything_holds_for_an_ordinary_user() {
    if !rustix::process::geteuid().is_root() || std::env::var_os(MARK).is_some() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let tests = copy(&std::env::current_exe().expect("a path"), folder.path(), "tests");
    let fixture = copy(Path::new(env!("CARGO_BIN_EXE_valet-jail-fixture")), folder.path(), "fixture");
    let own = folder.path().join("own");
    std::fs::create_dir(&own).expect("a folder");
    chown(&own, Some(USER), Some(USER)).expect("root gives");
    #[expect(clippy::disallowed_methods, reason = "this very program, as another user")]
    let mut command = std::process::Command::new(tests);
    command.args(["--test-threads=2", "--nocapture"]).uid(USER).gid(USER).current_dir(&own);
    command.env(MARK, fixture).env("VALET_JAIL_ROOTS", own.join("roots")).env("TMPDIR", &own);
    let ran = command.output().expect("it runs");
    let (said, complained) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    eprintln!("{complained}");
    assert!(ran.status.success(), "{said}\n{complained}");
    assert!(!said.contains("running 0 tests"), "{said}");
}

fn copy(program: &Path, folder: &Path, name: &str) -> PathBuf {
    let target = folder.join(name);
    std::fs::copy(program, &target).expect("a copy");
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    target
}
