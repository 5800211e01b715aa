//! The rules: step, errno and machine to an obstacle. Each names the one setting to change.

use super::{Container, Machine, Obstacle};

const CAP_CHOWN: u32 = 0;
const CAP_SETGID: u32 = 6;
const CAP_SETUID: u32 = 7;

/// Whether a step belongs to namespaces, so that a lower level does without it.
pub(super) fn needs_namespaces(step: &str) -> bool {
    ["clone-namespaces", "uid-map", "mounts"].contains(&step)
}

/// The obstacle, if it is a known one.
pub(super) fn known(step: &str, errno: i32, machine: &Machine) -> Option<Obstacle> {
    match step {
        "clone-namespaces" => namespaces(errno, machine),
        "uid-map" => id_map(errno, machine),
        "mounts" => mounts(errno, machine),
        "landlock" => landlock(errno, machine),
        "seccomp-notify" => notify(errno, machine),
        "seccomp-strict" => filters(errno, machine),
        "identity" | "launcher-identity" => identity(errno, machine),
        "output-owner" => output_owner(errno, machine),
        "root" => root(errno),
        "exec" => exec(errno),
        "fork" | "clone" => processes(errno),
        "tie" | "parent-death" | "handover" | "ready" => gone(errno),
        _ => None,
    }
    .or_else(|| memory(errno))
}

fn namespaces(errno: i32, machine: &Machine) -> Option<Obstacle> {
    match errno {
        libc::ENOSPC | libc::EUSERS if machine.max_user_namespaces == Some(0) => Some(Obstacle::new(
            "user namespaces are off (user.max_user_namespaces is 0)",
            "set it on the host: sysctl -w user.max_user_namespaces=15000",
        )),
        libc::ENOSPC | libc::EUSERS => Some(Obstacle::new(
            "all user namespaces that the host allows are in use, or too many are inside each other",
            "raise user.max_user_namespaces on the host",
        )),
        libc::EINVAL => Some(Obstacle::new(
            "the kernel was built without some namespaces",
            "use a kernel with CONFIG_USER_NS, CONFIG_PID_NS, CONFIG_NET_NS, CONFIG_IPC_NS and CONFIG_UTS_NS",
        )),
        libc::EPERM | libc::EACCES => Some(namespaces_forbidden(machine)),
        libc::ENOSYS if machine.seccomp_filtered == Some(true) => Some(profile(machine, NAMESPACE_CALLS)),
        _ => processes(errno),
    }
}

/// The host's switches first: no profile of a container helps against them.
fn namespaces_forbidden(machine: &Machine) -> Obstacle {
    if machine.unprivileged_userns_clone == Some(0) && !machine.is_root() {
        return Obstacle::new(
            "only root may make user namespaces here (kernel.unprivileged_userns_clone is 0)",
            "set it on the host: sysctl -w kernel.unprivileged_userns_clone=1",
        );
    }
    if machine.seccomp_filtered == Some(true) {
        return profile(machine, NAMESPACE_CALLS);
    }
    if machine.apparmor_restricts_userns == Some(1) && !machine.is_root() {
        return Obstacle::new(
            "AppArmor forbids user namespaces to programs without a profile \
             (kernel.apparmor_restrict_unprivileged_userns is 1)",
            "give valet-worker an AppArmor profile with the rule \"userns,\", or set it on the host: \
             sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        );
    }
    if let Some(name) = machine.apparmor() {
        return Obstacle::new(
            format!("the AppArmor profile {name} forbids user namespaces"),
            "run the worker under a profile with the rule \"userns,\", or unconfined",
        );
    }
    Obstacle::new(
        "the kernel refuses user namespaces: a security module forbids them, or the worker runs in a chroot",
        "look for a denial in the kernel's log; run the worker outside of a chroot",
    )
}

/// What L1 calls beyond the usual profiles of containers.
const NAMESPACE_CALLS: &str =
    "clone, mount, umount2, pivot_root, mount_setattr, open_tree, move_mount, sethostname";

/// The container's seccomp profile is in the way.
fn profile(machine: &Machine, calls: &str) -> Obstacle {
    let advice = match machine.container {
        Some(Container::Docker) => format!(
            "run it with a profile that also allows {calls}: docker run --security-opt seccomp=<profile.json>"
        ),
        Some(Container::Podman) => format!(
            "run it with a profile that also allows {calls}: podman run --security-opt seccomp=<profile.json>"
        ),
        Some(Container::Kubernetes) => format!(
            "set the pod's securityContext.seccompProfile to type Localhost with a profile that also allows {calls}"
        ),
        None => format!(
            "let whoever starts the worker allow {calls} (a container's seccomp profile, or SystemCallFilter= and \
             RestrictNamespaces= of systemd)"
        ),
    };
    Obstacle::new("a seccomp filter that was here before us forbids it", advice)
}

fn id_map(errno: i32, machine: &Machine) -> Option<Obstacle> {
    [libc::EPERM, libc::EINVAL, libc::EACCES].contains(&errno).then(|| {
        if machine.is_root() { unmapped(machine) } else {
            Obstacle::new(
                "the kernel does not let the jail have the worker's own id",
                "look for a denial in the kernel's log; check that /proc is mounted writable and without hidepid",
            )
        }
    })
}

/// The jail's id does not exist in this user namespace.
fn unmapped(machine: &Machine) -> Obstacle {
    let ranges = machine.mapped_uids.iter().flatten();
    let known: Vec<_> = ranges
        .map(|(first, count)| format!("{first} to {}", first.saturating_add(count.saturating_sub(1))))
        .collect();
    let known = if known.is_empty() { "unknown".to_owned() } else { known.join(", ") };
    Obstacle::new(
        format!("the jail's user id does not exist in this container (its ids: {known})"),
        "set jail.uid_first to an unused id in that range, or run the worker as a user that is not root",
    )
}

fn identity(errno: i32, machine: &Machine) -> Option<Obstacle> {
    match errno {
        libc::EPERM if machine.is_root() && (machine.lacks(CAP_SETUID) || machine.lacks(CAP_SETGID)) => {
            Some(Obstacle::new(
                "the worker is root without the right to become somebody else (CAP_SETUID, CAP_SETGID)",
                "run the worker as a user that is not root (docker run --user 65532; Kubernetes: runAsNonRoot), or leave \
                 it these two capabilities",
            ))
        }
        libc::EINVAL => Some(unmapped(machine)),
        libc::EAGAIN => processes(errno),
        _ => None,
    }
}

fn output_owner(errno: i32, machine: &Machine) -> Option<Obstacle> {
    match errno {
        libc::EPERM if machine.lacks(CAP_CHOWN) => Some(Obstacle::new(
            "the worker is root without the right to give a file away (CAP_CHOWN)",
            "run the worker as a user that is not root, or leave it CAP_CHOWN",
        )),
        libc::EPERM => Some(Obstacle::new(
            "the file system of worker.scratch does not let files be given away",
            "set worker.scratch to a local file system, or run the worker as a user that is not root",
        )),
        libc::EINVAL | libc::EOVERFLOW => Some(unmapped(machine)),
        _ => None,
    }
}

fn mounts(errno: i32, machine: &Machine) -> Option<Obstacle> {
    match errno {
        libc::ENOSYS if machine.is_older_than((5, 12)) => Some(older("mount_setattr(2)", "5.12")),
        libc::EPERM | libc::ENOSYS if machine.seccomp_filtered == Some(true) => {
            Some(profile(machine, NAMESPACE_CALLS))
        }
        libc::EACCES | libc::EPERM => Some(match machine.apparmor() {
            Some(name) => Obstacle::new(
                format!("the AppArmor profile {name} forbids mounts, even in a namespace of one's own"),
                "run the worker under a profile with the rules \"mount,\", \"umount,\" and \"pivot_root,\" (docker: \
                 --security-opt apparmor=<profile>)",
            ),
            None => Obstacle::new(
                "mounts are refused: by a security module, or since the worker runs in a Landlock domain",
                "look for a denial in the kernel's log",
            ),
        }),
        libc::ENOENT | libc::ESTALE => Some(Obstacle::new(
            "the codec root or the output file is gone",
            "let nothing else tidy up in jail.roots and worker.scratch; the next start builds the root anew",
        )),
        libc::ENOSPC => Some(Obstacle::new("too many mounts", "raise fs.mount-max on the host")),
        _ => None,
    }
}

fn landlock(errno: i32, machine: &Machine) -> Option<Obstacle> {
    match errno {
        libc::ENOSYS if machine.is_older_than((5, 13)) => Some(older("Landlock", "5.13")),
        libc::ENOSYS | libc::EPERM if machine.seccomp_filtered == Some(true) => {
            Some(profile(machine, "landlock_create_ruleset, landlock_add_rule, landlock_restrict_self"))
        }
        libc::ENOSYS => Some(Obstacle::new(
            "the kernel has no Landlock",
            "use a kernel with CONFIG_SECURITY_LANDLOCK (every large distribution's since 2022 has it; gVisor has not)",
        )),
        libc::EOPNOTSUPP => Some(Obstacle::new(
            match &machine.security_modules {
                Some(modules) => format!("Landlock was not turned on at boot (security modules: {modules})"),
                None => "Landlock was not turned on at boot".to_owned(),
            },
            "add landlock to the kernel's lsm= parameter (lsm=landlock,lockdown,yama,integrity,apparmor,bpf), and reboot",
        )),
        libc::E2BIG => Some(Obstacle::new(
            "the worker already runs in sixteen Landlock domains",
            "start it under fewer sandboxes",
        )),
        _ => None,
    }
}

fn notify(errno: i32, machine: &Machine) -> Option<Obstacle> {
    match errno {
        libc::EINVAL | libc::ENOSYS if machine.is_older_than((5, 14)) => {
            Some(older("the hand-over of sockets by seccomp", "5.14"))
        }
        libc::EBUSY => Some(Obstacle::new(
            "the container's own seccomp filter already has a listener, and there can be only one",
            "run the worker under a container runtime or profile without SCMP_ACT_NOTIFY",
        )),
        libc::EINVAL => Some(Obstacle::new(
            "the kernel has no seccomp user notification (gVisor has not)",
            "use a kernel with CONFIG_SECCOMP_FILTER, 5.14 or newer",
        )),
        _ => filters(errno, machine),
    }
}

fn filters(errno: i32, machine: &Machine) -> Option<Obstacle> {
    match errno {
        libc::EPERM | libc::ENOSYS if machine.seccomp_filtered == Some(true) => {
            Some(profile(machine, "seccomp"))
        }
        libc::ENOSYS | libc::EINVAL => Some(Obstacle::new(
            "the kernel has no seccomp filters",
            "use a kernel with CONFIG_SECCOMP_FILTER",
        )),
        libc::ENOMEM => Some(Obstacle::new(
            "too many seccomp filters are on top of each other",
            "start the worker under fewer sandboxes",
        )),
        _ => None,
    }
}

fn root(errno: i32) -> Option<Obstacle> {
    match errno {
        libc::ENOENT => Some(Obstacle::new(
            "the codec root is gone",
            "let nothing else tidy up in jail.roots; the next start builds it anew",
        )),
        libc::EACCES => Some(Obstacle::new(
            "the worker's user may not enter the codec root",
            "set jail.roots to a directory that the worker's user owns",
        )),
        _ => None,
    }
}

fn exec(errno: i32) -> Option<Obstacle> {
    match errno {
        libc::EACCES | libc::EPERM => Some(Obstacle::new(
            "the codec may not be started from its root",
            "set jail.roots to a directory on a file system without noexec, and look for a denial in the kernel's log",
        )),
        libc::ENOENT => Some(Obstacle::new(
            "the codec or its dynamic loader is not in the root",
            "remove the directory jail.roots and start the worker again",
        )),
        libc::ENOEXEC => Some(Obstacle::new(
            "the codec is no program for this machine",
            "install the codec for this machine's processor",
        )),
        _ => None,
    }
}

fn processes(errno: i32) -> Option<Obstacle> {
    (errno == libc::EAGAIN).then(|| {
        Obstacle::new(
            "no more processes are allowed",
            "raise the limit: pids-limit of the container, TasksMax= of systemd, or RLIMIT_NPROC of the worker's user",
        )
    })
}

fn gone(errno: i32) -> Option<Obstacle> {
    [libc::ESRCH, libc::EPIPE, libc::ECONNRESET].contains(&errno).then(|| {
        Obstacle::new(
            "worker, zygote or launcher ended while the jail was made",
            "look for what ended it: a shutdown, or the kernel's out-of-memory killer in its log",
        )
    })
}

fn memory(errno: i32) -> Option<Obstacle> {
    match errno {
        libc::ENOMEM => Some(Obstacle::new(
            "out of memory",
            "give the worker more memory, or let it run fewer jobs at once",
        )),
        libc::EMFILE | libc::ENFILE => Some(Obstacle::new(
            "no more open files are allowed",
            "raise the limit: LimitNOFILE= of systemd, --ulimit nofile of the container, or fs.file-max on the host",
        )),
        _ => None,
    }
}

fn older(what: &str, version: &str) -> Obstacle {
    Obstacle::new(format!("the kernel is too old for {what}"), format!("use Linux {version} or newer"))
}
