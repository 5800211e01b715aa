//! What this machine has.

use std::fs;
use std::path::{Path, PathBuf};

use valet_testkit::{process::find_program, workspace};

use crate::shell;

/// What tests and demo need, in words.
pub(crate) const NEEDS: &str = "RabbitMQ ≥ 3.10, ffmpeg with ffprobe, Node ≥ 18, Azurite 3.37";

/// The oldest Node that runs Azurite 3.37 (its manifest asks for 22; its tests of ours pass on 18.20).
const NODE_MAJOR_MIN: u32 = 18;
/// Not the script in `/usr/sbin`, which testkit does not use.
const RABBITMQ: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// What was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    pub(crate) has_rabbitmq: bool,
    pub(crate) has_ffmpeg: bool,
    /// Node's major version, 0 when there is none.
    pub(crate) node_major: u32,
    pub(crate) has_npm: bool,
    pub(crate) has_azurite: bool,
    pub(crate) has_apt: bool,
    pub(crate) is_root: bool,
    pub(crate) has_sudo: bool,
}

impl Machine {
    pub(crate) fn look() -> Self {
        let has = |name| find_program(name).is_some();
        Self {
            has_rabbitmq: Path::new(RABBITMQ).exists() && has("epmd"),
            has_ffmpeg: has("ffmpeg") && has("ffprobe"),
            node_major: node_major(),
            has_npm: has("npm"),
            has_azurite: fs::read(stamp()).is_ok_and(|old| Some(old) == fs::read(lock_file()).ok()),
            has_apt: has("apt-get"),
            is_root: shell::output(shell::command("id").arg("-u")).is_ok_and(|id| id.trim() == "0"),
            has_sudo: has("sudo"),
        }
    }

    pub(crate) fn has_node(&self) -> bool {
        self.node_major >= NODE_MAJOR_MIN
    }
}

/// Says that what the lock file names is installed.
pub(super) fn set_stamp() -> Result<(), String> {
    fs::copy(lock_file(), stamp())
        .map(drop)
        .map_err(|cause| format!("cannot write {}: {cause}", stamp().display()))
}

/// Where Azurite's package.json and lock file are.
pub(super) fn azurite_folder() -> PathBuf {
    workspace::root().join("tools/azurite")
}

fn lock_file() -> PathBuf {
    azurite_folder().join("package-lock.json")
}

/// A copy of the lock file that was installed, written last; `npm ci` removes it with the folder.
fn stamp() -> PathBuf {
    azurite_folder().join("node_modules/.installed-lock.json")
}

fn node_major() -> u32 {
    let version = shell::output(shell::command("node").arg("--version")).unwrap_or_default();
    version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0)
}
