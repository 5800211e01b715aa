//! What the machine says about itself. Every answer is optional: a file may be missing, hidden, or of another kernel.

use std::fs;
use std::path::Path;

/// What runs this process in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Docker.
    Docker,
    /// Podman, or another tool of its family.
    Podman,
    /// Kubernetes.
    Kubernetes,
}

/// What the machine says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// The kernel's version: major and minor.
    pub kernel: Option<(u32, u32)>,
    /// `kernel.unprivileged_userns_clone` (Debian's kernels): 0 forbids.
    pub unprivileged_userns_clone: Option<u64>,
    /// `user.max_user_namespaces`: 0 forbids.
    pub max_user_namespaces: Option<u64>,
    /// `kernel.apparmor_restrict_unprivileged_userns` (Ubuntu since 23.10): 1 restricts.
    pub apparmor_restricts_userns: Option<u64>,
    /// AppArmor's profile of this process; `unconfined` where none applies.
    pub apparmor_profile: Option<String>,
    /// Whether a seccomp filter was on this process when it started (2 in `Seccomp:` of its status).
    pub seccomp_filtered: Option<bool>,
    /// The effective user.
    pub uid: Option<u32>,
    /// The effective capabilities, a bit each.
    pub capabilities: Option<u64>,
    /// Ids that this process's user namespace has: first and count of each range.
    pub mapped_uids: Option<Vec<(u32, u32)>>,
    /// The security modules that are on.
    pub security_modules: Option<String>,
    /// What runs this process in a container.
    pub container: Option<Container>,
}

impl Machine {
    /// Reads what the machine says about itself.
    #[must_use]
    pub fn look() -> Self {
        let status = read("/proc/self/status").unwrap_or_default();
        Self {
            kernel: read("/proc/sys/kernel/osrelease").and_then(|text| version(&text)),
            unprivileged_userns_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            max_user_namespaces: number("/proc/sys/user/max_user_namespaces"),
            apparmor_restricts_userns: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            apparmor_profile: read("/proc/self/attr/apparmor/current"),
            seccomp_filtered: field(&status, "Seccomp:").map(|mode| mode == "2"),
            uid: field(&status, "Uid:").and_then(|ids| ids.split_ascii_whitespace().nth(1)?.parse().ok()),
            capabilities: field(&status, "CapEff:").and_then(|bits| u64::from_str_radix(bits, 16).ok()),
            mapped_uids: read("/proc/self/uid_map").map(|text| ranges(&text)),
            security_modules: read("/sys/kernel/security/lsm"),
            container: container(),
        }
    }

    /// Whether the kernel is known to be older than this.
    pub(super) fn is_older_than(&self, version: (u32, u32)) -> bool {
        self.kernel.is_some_and(|kernel| kernel < version)
    }

    pub(super) fn is_root(&self) -> bool {
        self.uid == Some(0)
    }

    /// Whether it is known that this capability is missing.
    pub(super) fn lacks(&self, capability: u32) -> bool {
        self.capabilities.is_some_and(|held| held & (1 << capability) == 0)
    }

    /// AppArmor's profile, where one applies.
    pub(super) fn apparmor(&self) -> Option<&str> {
        self.apparmor_profile
            .as_deref()
            .filter(|profile| !profile.is_empty() && !profile.starts_with("unconfined"))
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim_end_matches(['\n', '\0']).to_owned())
}

fn number(path: &str) -> Option<u64> {
    read(path)?.trim().parse().ok()
}

pub(super) fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

pub(super) fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

pub(super) fn ranges(map: &str) -> Vec<(u32, u32)> {
    let range = |line: &str| {
        let mut numbers = line.split_ascii_whitespace().map(|number| number.parse().ok());
        Some((numbers.next()??, numbers.nth(1)??))
    };
    map.lines().filter_map(range).collect()
}

fn container() -> Option<Container> {
    let marks = [
        ("/var/run/secrets/kubernetes.io", Container::Kubernetes),
        ("/run/.containerenv", Container::Podman),
        ("/.dockerenv", Container::Docker),
    ];
    marks.iter().find(|(path, _)| Path::new(path).exists()).map(|(_, container)| *container)
}
