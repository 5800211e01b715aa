//! The steps of making a jail, each with a stable name: errors, explanations and documentation speak of them.

use std::io;

use crate::wire::Failure;

macro_rules! steps {
    ($($name:ident $word:literal $what:literal;)*) => {
        /// One step of making a jail, in the order in which they are taken.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Step {
            $(#[doc = $what] $name,)*
        }

        impl Step {
            /// Every step, in order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it does, or what stands then, for people.
            pub const fn what(self) -> &'static str {
                match self { $(Self::$name => $what,)* }
            }
        }
    };
}

steps! {
    Zygote "zygote" "The zygote prepares itself: a socket from the worker, no other descriptor, signals, privileges.";
    SeccompCompile "seccomp-compile" "The zygote compiles the filters.";
    Fork "fork" "The zygote makes a launcher.";
    Tie "tie" "The launcher ties its life to the zygote's.";
    OutputOwner "output-owner" "The output file becomes the jail's own (a worker that is root).";
    CloneNamespaces "clone-namespaces" "A process in new namespaces (L1).";
    Clone "clone" "A process (L2).";
    UidMap "uid-map" "One id inside, one id outside (L1).";
    LauncherIdentity "launcher-identity" "The launcher gives up root.";
    Handover "handover" "The jail's process is made known to the worker.";
    ParentDeath "parent-death" "The jail ties its life to the launcher's.";
    Mounts "mounts" "The codec's root becomes the only file system, the output file its only writable place (L1).";
    Root "root" "The codec's root becomes the working directory (L2).";
    CapabilityBounds "capability-bounds" "No capability can be gained any more.";
    Identity "identity" "The jail becomes the id that is meant for it.";
    Surroundings "surroundings" "No host name, private files, signals as a new program expects them.";
    Rlimits "rlimits" "Memory, processor time, file size, threads, open files.";
    Capabilities "capabilities" "The capabilities held so far are given up.";
    NoNewPrivileges "no-new-privileges" "No exec gains privileges.";
    Mdwe "mdwe" "No memory becomes executable that was not so from its start.";
    Descriptors "descriptors" "Standard streams and the output file come to their places.";
    Landlock "landlock" "Reading beneath the root, writing one file, nothing else; no TCP; no signal and no socket outwards.";
    SeccompNotify "seccomp-notify" "`socket()` goes to the worker.";
    Ready "ready" "The worker hears that the walls stand, and lets the jail go on.";
    SeccompStrict "seccomp-strict" "Allow list and kill list.";
    Exec "exec" "The codec starts.";
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
