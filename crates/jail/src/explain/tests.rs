//! The table: what people are told on each kind of machine.

use super::machine::{field, ranges, version};
use super::*;
use crate::Step;

fn bare() -> Machine {
    Machine {
        kernel: Some((6, 8)),
        seccomp_filtered: Some(false),
        uid: Some(1000),
        capabilities: Some(0),
        mapped_uids: Some(vec![(0, u32::MAX)]),
        ..Machine::default()
    }
}

fn container(container: Container) -> Machine {
    Machine { seccomp_filtered: Some(true), container: Some(container), ..bare() }
}

/// The obstacle must name these words, in cause or advice.
#[track_caller]
fn told(step: &str, errno: i32, machine: &Machine, words: &[&str]) {
    let Obstacle { cause, advice } = explain(step, errno, Level::L2, machine);
    let text = format!("{cause}; {advice}");
    for word in words {
        assert!(text.contains(word), "{step} {errno}: {text:?} does not name {word:?}");
    }
}

#[test]
fn the_hosts_switches_are_named() {
    let debian = Machine { unprivileged_userns_clone: Some(0), ..bare() };
    told("clone-namespaces", libc::EPERM, &debian, &["kernel.unprivileged_userns_clone=1"]);
    let ubuntu = Machine { apparmor_restricts_userns: Some(1), ..bare() };
    told(
        "clone-namespaces",
        libc::EACCES,
        &ubuntu,
        &["kernel.apparmor_restrict_unprivileged_userns=0", "userns,"],
    );
    let hardened = Machine { max_user_namespaces: Some(0), ..bare() };
    told("clone-namespaces", libc::ENOSPC, &hardened, &["user.max_user_namespaces=15000"]);
    told("clone-namespaces", libc::ENOSPC, &bare(), &["user.max_user_namespaces"]);
    told("clone-namespaces", libc::EPERM, &bare(), &["chroot"]);
    told("clone-namespaces", libc::EINVAL, &bare(), &["CONFIG_USER_NS"]);
}

/// A switch that binds only others is not blamed.
#[test]
fn root_is_not_told_of_unprivileged_switches() {
    let machine = Machine {
        uid: Some(0),
        unprivileged_userns_clone: Some(0),
        apparmor_restricts_userns: Some(1),
        ..container(Container::Docker)
    };
    told("clone-namespaces", libc::EPERM, &machine, &["docker run --security-opt seccomp="]);
}

#[test]
fn each_container_is_told_in_its_own_words() {
    told("clone-namespaces", libc::EPERM, &container(Container::Docker), &["docker run", "pivot_root"]);
    told("clone-namespaces", libc::EPERM, &container(Container::Podman), &["podman run", "mount_setattr"]);
    told(
        "clone-namespaces",
        libc::EPERM,
        &container(Container::Kubernetes),
        &["seccompProfile", "Localhost"],
    );
    told(
        "clone-namespaces",
        libc::EPERM,
        &Machine { container: None, ..container(Container::Docker) },
        &["systemd"],
    );
    told("mounts", libc::EPERM, &container(Container::Docker), &["move_mount"]);
    told("landlock", libc::ENOSYS, &container(Container::Docker), &["landlock_restrict_self"]);
    told("seccomp-notify", libc::EPERM, &container(Container::Docker), &["seccomp"]);
    let apparmor = Machine { apparmor_profile: Some("docker-default (enforce)".to_owned()), ..bare() };
    told("mounts", libc::EACCES, &apparmor, &["docker-default", "mount,"]);
}

#[test]
fn old_kernels_are_told_the_version_they_need() {
    let old = Machine { kernel: Some((4, 18)), ..bare() };
    told("landlock", libc::ENOSYS, &old, &["5.13"]);
    told("seccomp-notify", libc::EINVAL, &old, &["5.14"]);
    told("mounts", libc::ENOSYS, &old, &["5.12"]);
    told("landlock", libc::ENOSYS, &bare(), &["CONFIG_SECURITY_LANDLOCK"]);
}

#[test]
fn landlock_off_at_boot_shows_what_is_on() {
    let machine = Machine { security_modules: Some("lockdown,yama,apparmor".to_owned()), ..bare() };
    told("landlock", libc::EOPNOTSUPP, &machine, &["lockdown,yama,apparmor", "lsm=landlock"]);
    told("landlock", libc::EOPNOTSUPP, &bare(), &["lsm=landlock"]);
}

#[test]
fn root_in_a_container_is_told_to_be_somebody_else() {
    let root = Machine { uid: Some(0), capabilities: Some(0), ..container(Container::Docker) };
    told("identity", libc::EPERM, &root, &["CAP_SETUID", "--user 65532", "runAsNonRoot"]);
    told("launcher-identity", libc::EPERM, &root, &["CAP_SETGID"]);
    told("output-owner", libc::EPERM, &root, &["CAP_CHOWN"]);
    let nested = Machine { capabilities: Some(u64::MAX), mapped_uids: Some(vec![(0, 65536)]), ..root };
    told("identity", libc::EINVAL, &nested, &["0 to 65535", "jail.uid_first"]);
    told("uid-map", libc::EPERM, &nested, &["jail.uid_first"]);
}

#[test]
fn limits_are_named_whatever_the_step() {
    told("fork", libc::EAGAIN, &bare(), &["pids-limit", "TasksMax"]);
    told("surroundings", libc::ENOMEM, &bare(), &["memory"]);
    told("descriptors", libc::EMFILE, &bare(), &["LimitNOFILE"]);
    told("exec", libc::EACCES, &bare(), &["noexec"]);
    told("seccomp-notify", libc::EBUSY, &bare(), &["SCMP_ACT_NOTIFY"]);
    told("ready", libc::ESRCH, &bare(), &["out-of-memory"]);
}

/// Nothing is left without an answer, whatever comes.
#[test]
fn every_step_and_every_errno_has_an_answer() {
    for machine in [Machine::default(), bare(), container(Container::Kubernetes), Machine::look()] {
        for step in Step::ALL.iter().map(|step| step.name()).chain(["no such step"]) {
            for errno in 0..140 {
                for level in [Level::L1, Level::L2] {
                    let Obstacle { cause, advice } = explain(step, errno, level, &machine);
                    assert!(!cause.is_empty() && !advice.is_empty(), "{step} {errno}");
                    assert!(!advice.ends_with('.') && !cause.ends_with('.'), "{step} {errno}");
                }
            }
        }
    }
}

#[test]
fn only_a_step_of_namespaces_offers_the_lower_level() {
    let offers = |step: &Step| {
        explain(step.name(), libc::EPERM, Level::L1, &bare()).advice.contains("jail.level_min = \"L2\"")
    };
    let steps: Vec<_> = Step::ALL.iter().filter(|step| offers(step)).map(|step| step.name()).collect();
    assert_eq!(steps, ["clone-namespaces", "uid-map", "mounts"]);
    assert!(!explain("mounts", libc::EPERM, Level::L2, &bare()).advice.contains("level_min"));
}

#[test]
fn the_kernels_files_are_read() {
    assert_eq!(version("6.8.0-45-generic"), Some((6, 8)));
    assert_eq!(version("5.15.153.1-microsoft-standard-WSL2"), Some((5, 15)));
    assert_eq!(version("six"), None);
    assert_eq!(
        ranges("         0     100000      65536\n     65536          7          1\n"),
        [(0, 65536), (65536, 1)]
    );
    assert_eq!(field("Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n", "Seccomp:"), Some("2"));
    let here = Machine::look();
    assert!(
        here.kernel.is_some()
            && here.uid.is_some()
            && here.capabilities.is_some()
            && here.mapped_uids.is_some()
    );
}
