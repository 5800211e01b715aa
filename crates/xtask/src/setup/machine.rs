//! What this machine has.

use std::fs;
use std::path::{Path, PathBuf};

use valet_testkit::{Postgres, postgres, process::find_program, workspace};

use crate::shell;

/// What tests and demo need, in words.
pub(crate) const NEEDS: &str = "RabbitMQ ≥ 3.10, PostgreSQL, ffmpeg with ffprobe, a newer ffmpeg in one file, Node ≥ 18, Azurite 3.37, \
                                what the partners' samples use";

/// The oldest Node that runs Azurite 3.37 (its manifest asks for 22; its tests of ours pass on 18.20).
const NODE_MAJOR_MIN: u32 = 18;
/// Not the script in `/usr/sbin`, which testkit does not use.
const RABBITMQ: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// What was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    pub(crate) has_rabbitmq: bool,
    /// Here, or given elsewhere.
    pub(crate) has_postgres: bool,
    pub(crate) has_ffmpeg: bool,
    /// Node's major version, 0 when there is none.
    pub(crate) node_major: u32,
    pub(crate) has_npm: bool,
    pub(crate) has_azurite: bool,
    pub(crate) has_python: bool,
    pub(crate) has_pip: bool,
    pub(crate) has_static_ffmpeg: bool,
    pub(crate) has_python_sample: bool,
    /// What the sample in shell calls.
    pub(crate) has_curl: bool,
    pub(crate) has_jq: bool,
    pub(crate) has_openssl: bool,
    pub(crate) has_javascript_sample: bool,
    pub(crate) has_apt: bool,
    pub(crate) is_root: bool,
    pub(crate) has_sudo: bool,
}

impl Machine {
    pub(crate) fn look() -> Self {
        let has = |name| find_program(name).is_some();
        Self {
            has_rabbitmq: Path::new(RABBITMQ).exists() && has("epmd"),
            has_postgres: Postgres::is_installed() || std::env::var_os(postgres::ENV_POSTGRES).is_some(),
            has_ffmpeg: has("ffmpeg") && has("ffprobe"),
            node_major: node_major(),
            has_npm: has("npm"),
            has_azurite: AZURITE.is_installed(),
            has_python: has("python3"),
            has_pip: shell::output(shell::command("python3").args(["-m", "pip", "--version"])).is_ok(),
            has_static_ffmpeg: STATIC_FFMPEG.is_installed(),
            has_curl: has("curl"),
            has_jq: has("jq"),
            has_openssl: has("openssl"),
            has_python_sample: PYTHON_SAMPLE.is_installed(),
            has_javascript_sample: JAVASCRIPT_SAMPLE.is_installed(),
            has_apt: has("apt-get"),
            is_root: shell::output(shell::command("id").arg("-u")).is_ok_and(|id| id.trim() == "0"),
            has_sudo: has("sudo"),
        }
    }

    pub(crate) fn has_node(&self) -> bool {
        self.node_major >= NODE_MAJOR_MIN
    }
}

/// Something that is installed in its folder, as a file with hashes names it.
pub(super) struct Tool {
    /// Its folder, from the root.
    folder: &'static str,
    /// What names versions and hashes.
    lock_file: &'static str,
    /// A copy of the lock file as it was installed, written last; it goes when what it speaks of goes.
    stamp: &'static str,
}

/// Azurite; `npm ci` removes the stamp with the folder.
pub(super) const AZURITE: Tool = Tool {
    folder: "tools/azurite",
    lock_file: "package-lock.json",
    stamp: "node_modules/.installed-lock.json",
};

/// The newer ffmpeg without shared libraries.
pub(super) const STATIC_FFMPEG: Tool =
    Tool { folder: "tools/ffmpeg", lock_file: "requirements.txt", stamp: "bin/.installed-requirements.txt" };

/// The libraries of the partner's sample in Python, beside it.
pub(super) const PYTHON_SAMPLE: Tool = Tool {
    folder: "examples/partner-python",
    lock_file: "requirements.txt",
    stamp: "packages/.installed-requirements.txt",
};

/// The libraries of the partner's sample in JavaScript, beside it.
pub(super) const JAVASCRIPT_SAMPLE: Tool = Tool {
    folder: "examples/partner-javascript",
    lock_file: "package-lock.json",
    stamp: "node_modules/.installed-lock.json",
};

impl Tool {
    /// Its folder.
    pub(super) fn folder(&self) -> PathBuf {
        workspace::root().join(self.folder)
    }

    /// Says that what the lock file names is installed.
    pub(super) fn set_stamp(&self) -> Result<(), String> {
        let stamp = self.folder().join(self.stamp);
        let copied = fs::copy(self.folder().join(self.lock_file), &stamp);
        copied.map(drop).map_err(|cause| format!("cannot write {}: {cause}", stamp.display()))
    }

    fn is_installed(&self) -> bool {
        let read = |name| fs::read(self.folder().join(name)).ok();
        read(self.stamp).is_some_and(|installed| Some(installed) == read(self.lock_file))
    }
}

fn node_major() -> u32 {
    let version = shell::output(shell::command("node").arg("--version")).unwrap_or_default();
    version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0)
}
