//! Carries a plan out.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::machine::{AZURITE, JAVASCRIPT_SAMPLE, PYTHON_SAMPLE, STATIC_FFMPEG, Tool};
use super::plan::{Installer, Plan};
use crate::shell;

/// One script, so that sudo asks at most once. Packages of services would start them: a policy forbids it
/// while we install, and systemd (where there is one) is told not to start them at boot.
const APT: &str = r#"set -e # install packages without starting their services
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi
apt-get -q update
apt-get -q -y --no-install-recommends install "$@"
disable() {
    if command -v systemctl > /dev/null; then systemctl --quiet disable "$@" || true; fi
}
case " $* " in *" rabbitmq-server "*) disable rabbitmq-server.service epmd.service epmd.socket ;; esac
case " $* " in *" postgresql "*) disable postgresql.service ;; esac
"#;

/// Installs what the plan says.
pub(super) fn install(plan: &Plan) -> Result<(), String> {
    if plan.needs_person() {
        return Err("install the missing packages first, as shown above".to_owned());
    }
    if !plan.packages.is_empty() {
        apt(plan)?;
    }
    if plan.azurite {
        npm(&AZURITE)?;
    }
    if plan.static_ffmpeg {
        static_ffmpeg()?;
    }
    if plan.javascript_sample {
        npm(&JAVASCRIPT_SAMPLE)?;
    }
    if plan.python_sample {
        python_sample()?;
    }
    Ok(())
}

fn apt(plan: &Plan) -> Result<(), String> {
    let mut command = match plan.installer {
        Installer::Sudo => {
            let mut command = shell::command("sudo");
            command.arg("sh");
            command
        }
        Installer::Root | Installer::Person => shell::command("sh"),
    };
    shell::check(command.args(["-c", APT, "apt"]).args(&plan.packages))
}

fn npm(tool: &Tool) -> Result<(), String> {
    shell::check(
        shell::command("npm").args(["ci", "--no-progress", "--loglevel=error"]).current_dir(tool.folder()),
    )?;
    tool.set_stamp()
}

/// Beside the sample, where `PYTHONPATH` finds it: no environment of its own, which would need one more package, and
/// nothing of the machine's own Python is touched. Only wheels: no foreign code runs while it is installed.
fn python_sample() -> Result<(), String> {
    let folder = PYTHON_SAMPLE.folder();
    renew(&folder.join("packages")).map_err(|cause| format!("cannot empty {}: {cause}", folder.display()))?;
    shell::check(
        shell::command("python3")
            .args(["-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps"])
            .args([
                "--only-binary",
                ":all:",
                "--require-hashes",
                "-r",
                "requirements.txt",
                "--target",
                "packages",
            ])
            .current_dir(&folder),
    )?;
    PYTHON_SAMPLE.set_stamp()
}

/// Takes the one program out of its wheel, which is a zip file. Python unpacks it without the right to run it.
fn static_ffmpeg() -> Result<(), String> {
    let folder = STATIC_FFMPEG.folder();
    let (wheel, unpacked, program) =
        (folder.join("wheel"), folder.join("unpacked"), folder.join("bin/ffmpeg"));
    let told = |cause: std::io::Error| format!("cannot unpack ffmpeg in {}: {cause}", folder.display());
    [&wheel, &unpacked, &folder.join("bin")].into_iter().try_for_each(|path| renew(path)).map_err(told)?;
    shell::check(
        shell::command("python3")
            .args(["-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps"])
            .args(["--only-binary", ":all:", "--require-hashes", "-r", "requirements.txt", "-d", "wheel"])
            .current_dir(&folder),
    )?;
    let wheel_file = only_file(&wheel, "")?;
    shell::check(shell::command("python3").args(["-m", "zipfile", "-e"]).arg(&wheel_file).arg(&unpacked))?;
    fs::rename(only_file(&unpacked.join("imageio_ffmpeg/binaries"), "ffmpeg-")?, &program)
        .and_then(|()| fs::set_permissions(&program, Permissions::from_mode(0o755)))
        .and_then(|()| fs::remove_dir_all(&wheel))
        .and_then(|()| fs::remove_dir_all(&unpacked))
        .map_err(told)?;
    STATIC_FFMPEG.set_stamp()
}

/// An empty folder, whatever was there.
fn renew(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => Err(cause),
        _ => fs::create_dir(folder),
    }
}

/// The only file in `folder` whose name begins like this.
fn only_file(folder: &Path, beginning: &str) -> Result<PathBuf, String> {
    let entries =
        fs::read_dir(folder).map_err(|cause| format!("cannot read {}: {cause}", folder.display()))?;
    let fits =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning));
    let mut found = entries.flatten().map(|entry| entry.path()).filter(fits);
    match (found.next(), found.next()) {
        (Some(path), None) => Ok(path),
        _ => Err(format!("{} should have one file {beginning}*", folder.display())),
    }
}
