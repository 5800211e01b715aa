//! The steps of making a jail, each with a stable name: errors, explanations and documentation speak of them.

use std::io;

use crate::wire::Failure;

/// One step of making a jail, in the order in which they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The zygote prepares itself: a socket from the worker, no other descriptor, signals, privileges.
    Zygote,
    /// The zygote compiles the filters.
    SeccompCompile,
    /// The zygote makes a launcher.
    Fork,
    /// The launcher ties its life to the zygote's.
    Tie,
    /// The output file becomes the jail's own (a worker that is root).
    OutputOwner,
    /// A process in new namespaces (L1).
    CloneNamespaces,
    /// A process (L2).
    Clone,
    /// One id inside, one id outside (L1).
    UidMap,
    /// The launcher gives up root.
    LauncherIdentity,
    /// The jail's process is made known to the worker.
    Handover,
    /// The jail ties its life to the launcher's.
    ParentDeath,
    /// The codec's root becomes the only file system, the output file its only writable place (L1).
    Mounts,
    /// The codec's root becomes the working directory (L2).
    Root,
    /// No capability can be gained any more.
    CapabilityBounds,
    /// The jail becomes the id that is meant for it.
    Identity,
    /// No host name, private files, signals as a new program expects them.
    Surroundings,
    /// Memory, processor time, file size, threads, open files.
    Rlimits,
    /// The capabilities held so far are given up.
    Capabilities,
    /// No exec gains privileges.
    NoNewPrivileges,
    /// No memory becomes executable that was not so from its start.
    Mdwe,
    /// Standard streams and the output file come to their places.
    Descriptors,
    /// Reading beneath the root, writing one file, nothing else; no TCP; no signal and no socket outwards.
    Landlock,
    /// `socket()` goes to the worker.
    SeccompNotify,
    /// The worker hears that the walls stand, and lets the jail go on.
    Ready,
    /// Allow list and kill list.
    SeccompStrict,
    /// The codec starts.
    Exec,
}

impl Step {
    /// Every step, in order.
    pub const ALL: &[Self] = &[
        Self::Zygote,
        Self::SeccompCompile,
        Self::Fork,
        Self::Tie,
        Self::OutputOwner,
        Self::CloneNamespaces,
        Self::Clone,
        Self::UidMap,
        Self::LauncherIdentity,
        Self::Handover,
        Self::ParentDeath,
        Self::Mounts,
        Self::Root,
        Self::CapabilityBounds,
        Self::Identity,
        Self::Surroundings,
        Self::Rlimits,
        Self::Capabilities,
        Self::NoNewPrivileges,
        Self::Mdwe,
        Self::Descriptors,
        Self::Landlock,
        Self::SeccompNotify,
        Self::Ready,
        Self::SeccompStrict,
        Self::Exec,
    ];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zygote => "zygote",
            Self::SeccompCompile => "seccomp-compile",
            Self::Fork => "fork",
            Self::Tie => "tie",
            Self::OutputOwner => "output-owner",
            Self::CloneNamespaces => "clone-namespaces",
            Self::Clone => "clone",
            Self::UidMap => "uid-map",
            Self::LauncherIdentity => "launcher-identity",
            Self::Handover => "handover",
            Self::ParentDeath => "parent-death",
            Self::Mounts => "mounts",
            Self::Root => "root",
            Self::CapabilityBounds => "capability-bounds",
            Self::Identity => "identity",
            Self::Surroundings => "surroundings",
            Self::Rlimits => "rlimits",
            Self::Capabilities => "capabilities",
            Self::NoNewPrivileges => "no-new-privileges",
            Self::Mdwe => "mdwe",
            Self::Descriptors => "descriptors",
            Self::Landlock => "landlock",
            Self::SeccompNotify => "seccomp-notify",
            Self::Ready => "ready",
            Self::SeccompStrict => "seccomp-strict",
            Self::Exec => "exec",
        }
    }
}

/// Names the step at which something failed.
pub(crate) trait At<T> {
    /// The failure of `step`, with the kernel's number for the reason.
    fn at(self, step: Step) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, step: Step) -> Result<T, Failure> {
        self.map_err(|error| {
            // Reasons without a number come from our own checks: an argument that cannot be passed on.
            let errno = error.into().raw_os_error().unwrap_or(libc::EINVAL);
            Failure { step: step.name().to_owned(), errno }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct() {
        let mut names: Vec<_> = Step::ALL.iter().map(|step| step.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Step::ALL.len());
    }
}
