//! Which RabbitMQ a private node is: the machine's own, or a newer one out of a private root.
//!
//! A private root is Debian's packages of another release, unpacked below `target` and never installed. The
//! node sees their `/usr` in place of the machine's, in a mount namespace of its own, and everything else as it
//! is: its folder, its ports, `/etc`, `/proc`. Root makes that namespace by right, others in a user namespace.
//! A chroot would need all of the rest mounted into it, and Erlang's programs have their paths built in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Program, process, workspace};

/// Chooses the RabbitMQ of every private node: one of [`NAMES`]. Set by `xtask test --broker`.
pub const ENV_RELEASE: &str = "VALET_TEST_BROKER";
/// The releases that `xtask` can fetch into a private root.
pub const NAMES: [&str; 2] = ["4", "4.3"];

/// Puts the first argument in place of `/usr` and becomes the rest. What runs after it is of the private root,
/// with the same process id, so that signals and the parent-death signal meet the node itself.
const ENTER: &str = r#"mount --bind "$0" /usr && exec "$@""#;
/// The script below `/usr` that becomes the node.
const SERVER: &str = "lib/rabbitmq/bin/rabbitmq-server";
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

/// A RabbitMQ to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release(Option<&'static str>);

impl Release {
    /// The one that is installed on this machine.
    pub const INSTALLED: Self = Self(None);

    /// The one of a private root, by one of [`NAMES`].
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|known| **known == name).map(|known| Self(Some(known)))
    }

    /// The one that [`ENV_RELEASE`] names; otherwise the installed one.
    ///
    /// # Panics
    /// When it names one that nobody knows.
    pub fn of_environment() -> Self {
        match std::env::var(ENV_RELEASE) {
            Ok(name) if !name.is_empty() => Self::named(&name)
                .unwrap_or_else(|| panic!("{ENV_RELEASE} is one of {}, not `{name}`", NAMES.join(", "))),
            _ => Self::INSTALLED,
        }
    }

    /// Its name, unless it is the installed one.
    pub fn name(&self) -> Option<&'static str> {
        self.0
    }

    /// Its private root, there or not; `None` for the installed one.
    pub fn root(&self) -> Option<PathBuf> {
        self.0.map(|name| workspace::root().join(format!("target/rabbitmq-{name}")))
    }

    /// Whether a node of it can run here.
    ///
    /// # Errors
    /// What is missing, and how to get it.
    pub fn check(&self) -> Result<(), String> {
        let server = self.usr().join(SERVER);
        let Some(name) = self.0 else {
            let missing = format!("RabbitMQ is not installed ({}); cargo xtask setup", server.display());
            return server.exists().then_some(()).ok_or(missing);
        };
        if !server.exists() {
            return Err(format!(
                "RabbitMQ {name} is not in {}; cargo xtask test --broker {name}",
                server.display()
            ));
        }
        let entered = self.program("true").run(PROBE_TIMEOUT);
        let hint = "a private root needs root or user namespaces (`unshare`)";
        if entered.success() { Ok(()) } else { Err(format!("{hint}: {}", entered.stderr.trim())) }
    }

    /// The node's program.
    pub(super) fn server(&self) -> Program {
        self.program(Path::new("/usr").join(SERVER))
    }

    /// A program of this release, such as `epmd`, or one by path as the release has it.
    pub(super) fn program(&self, program: impl Into<PathBuf>) -> Program {
        let program = program.into();
        if self.0.is_none() {
            return Program::new(program);
        }
        let namespaces: &[&str] = match rustix::process::getuid().is_root() {
            true => &["--mount"],
            false => &["--user", "--map-root-user", "--mount"],
        };
        let unshare = process::find_program("unshare").unwrap_or_else(|| "unshare".into());
        Program::new(unshare).args(namespaces).args(["--", "sh", "-c", ENTER]).arg(self.usr()).arg(program)
    }

    fn usr(&self) -> PathBuf {
        self.root().map_or_else(|| "/usr".into(), |root| root.join("usr"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_names_name_a_release() {
        assert_eq!(Release::named("4").and_then(|release| release.name()), Some("4"));
        assert_eq!(Release::named("5"), None);
        let root = Release::named("4.3").and_then(|release| release.root()).expect("a private root");
        assert!(root.ends_with("target/rabbitmq-4.3"), "{}", root.display());
        assert_eq!(Release::INSTALLED.root(), None);
    }
}
