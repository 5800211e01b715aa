//! Another release's RabbitMQ in a private root below `target`: Debian's own packages, signatures checked,
//! unpacked and never installed.
//!
//! Nothing is pinned: a root has what Debian's release had when it was made, and says which. Deleted, it is made
//! anew. It needs no root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use valet_testkit::broker::Release;

use crate::shell;

/// In which release of Debian each RabbitMQ is.
const SUITES: [(&str, &str); 2] = [("4", "trixie"), ("4.3", "forky")];
const MIRROR: &str = "http://deb.debian.org/debian";
/// Whose signatures count; Debian has it, Ubuntu in a package of the same name.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// RabbitMQ, and what its scripts call: packages that a Debian has anyway, and so nothing depends on.
const PACKAGES: [&str; 7] = ["rabbitmq-server", "dash", "coreutils", "sed", "grep", "mawk", "libc-bin"];
/// Says what was unpacked, `package version` a line; written last.
const STAMP: &str = "packages";

/// Makes the private root of `release` unless it is there, and checks that a node of it can run.
///
/// # Errors
/// When it cannot be had here: what is missing, or what failed.
pub(crate) fn ensure(release: &Release) -> Result<(), String> {
    if let (Some(root), Some(name)) = (release.root(), release.name()) {
        if !root.join(STAMP).is_file() {
            make(name, &root)?;
        }
        eprintln!("RabbitMQ {} of {}", version(&root), root.display());
    }
    release.check()
}

/// Makes it beside its place and moves it there when it is whole.
fn make(name: &str, root: &Path) -> Result<(), String> {
    let apt = Apt::new(name, root.with_extension("part"))?;
    apt.renew()?;
    shell::check(apt.command("apt-get").args(["-q", "update"]))?;
    let download = ["-q", "-y", "--no-install-recommends", "--download-only", "install"];
    shell::check(apt.command("apt-get").args(download).args(PACKAGES))?;
    apt.unpack()?;
    apt.clean()?;
    let told = |cause: std::io::Error| format!("cannot move {} to its place: {cause}", root.display());
    remove(root).map_err(told)?;
    fs::rename(&apt.folder, root).map_err(told)
}

/// An apt with lists, cache and a (bare) machine of its own in one folder.
struct Apt {
    name: String,
    suite: &'static str,
    folder: PathBuf,
}

impl Apt {
    fn new(name: &str, folder: PathBuf) -> Result<Self, String> {
        for needed in ["apt-get", "dpkg-deb"] {
            valet_testkit::process::find_program(needed).ok_or(format!("{needed} is not on this machine"))?;
        }
        if !Path::new(KEYRING).is_file() {
            return Err(format!("{KEYRING} is missing: apt-get install debian-archive-keyring"));
        }
        let suite = SUITES.iter().find(|(own, _)| *own == name).map(|(_, suite)| *suite);
        let suite = suite.ok_or(format!("no release of Debian is known to have RabbitMQ {name}"))?;
        Ok(Self { name: name.to_owned(), suite, folder })
    }

    /// Empty folders, and the one source.
    fn renew(&self) -> Result<(), String> {
        let told = |cause: std::io::Error| format!("cannot write {}: {cause}", self.folder.display());
        remove(&self.folder).map_err(told)?;
        for folder in ["apt/lists/partial", "apt/archives/partial"] {
            fs::create_dir_all(self.folder.join(folder)).map_err(told)?;
        }
        let source = format!("deb [signed-by={KEYRING}] {MIRROR} {} main\n", self.suite);
        fs::write(self.folder.join("apt/sources.list"), source).map_err(told)?;
        fs::write(self.folder.join("apt/status"), "").map_err(told)
    }

    /// The machine's settings (a proxy, say) stay; what would touch the machine is elsewhere.
    fn command(&self, program: &str) -> Command {
        let apt = self.folder.join("apt");
        let mut command = shell::command(program);
        for (name, path) in [
            ("Dir::Etc::SourceList", apt.join("sources.list")),
            ("Dir::Etc::SourceParts", "/dev/null".into()),
            ("Dir::Etc::Preferences", "/dev/null".into()),
            ("Dir::Etc::PreferencesParts", "/dev/null".into()),
            ("Dir::State", apt.clone()),
            ("Dir::State::Lists", apt.join("lists")),
            ("Dir::State::status", apt.join("status")),
            ("Dir::Cache", apt.clone()),
            ("Dir::Cache::Archives", apt.join("archives")),
        ] {
            command.arg("-o").arg(format!("{name}={}", path.display()));
        }
        for setting in [
            "APT::Default-Release=",
            "APT::Sandbox::User=root", // root's folders below target are nobody else's to write
            "Acquire::Languages=none",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
            "Acquire::Retries=2",
            "Acquire::http::Timeout=20",
        ] {
            command.args(["-o", setting]);
        }
        command
    }

    /// Unpacks every package, and writes down which they are.
    fn unpack(&self) -> Result<(), String> {
        let archives = self.folder.join("apt/archives");
        let entries = fs::read_dir(&archives)
            .map_err(|cause| format!("cannot read {}: {cause}", archives.display()))?;
        let mut packages: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        packages.retain(|path| path.extension().is_some_and(|extension| extension == "deb"));
        packages.sort();
        let mut list = String::new();
        for package in &packages {
            shell::output(shell::command("dpkg-deb").arg("--extract").arg(package).arg(&self.folder))?;
            let line = ["--show", "--showformat=${Package} ${Version}\\n"];
            list.push_str(&shell::output(shell::command("dpkg-deb").args(line).arg(package))?);
        }
        fs::write(self.folder.join(STAMP), list).map_err(|cause| format!("cannot write {STAMP}: {cause}"))?;
        let got = version(&self.folder);
        if got == self.name || got.starts_with(&format!("{}.", self.name)) {
            return Ok(());
        }
        Err(format!("Debian {} has RabbitMQ {got}, not {}", self.suite, self.name))
    }

    /// Only what a node sees stays.
    fn clean(&self) -> Result<(), String> {
        for folder in ["apt", "etc", "var", "usr/share/doc", "usr/share/man"] {
            remove(&self.folder.join(folder)).map_err(|cause| format!("cannot remove {folder}: {cause}"))?;
        }
        Ok(())
    }
}

/// The version of RabbitMQ that a root has, as Debian writes it: `4.0.5-6`.
fn version(root: &Path) -> String {
    let list = fs::read_to_string(root.join(STAMP)).unwrap_or_default();
    let version = list.lines().find_map(|line| line.strip_prefix("rabbitmq-server "));
    version.unwrap_or("of no known version").to_owned()
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use valet_testkit::broker::release;

    #[test]
    fn every_release_that_testkit_knows_is_in_a_debian() {
        let known: Vec<&str> = SUITES.iter().map(|(name, _)| *name).collect();
        assert_eq!(known, release::NAMES);
    }

    #[test]
    fn the_version_is_what_the_stamp_says() {
        let root = valet_testkit::Folder::new("root");
        assert_eq!(version(root.path()), "of no known version");
        root.write(STAMP, "erlang-base 1:27\nrabbitmq-server 4.0.5-6+deb13u2\n");
        assert_eq!(version(root.path()), "4.0.5-6+deb13u2");
    }
}
