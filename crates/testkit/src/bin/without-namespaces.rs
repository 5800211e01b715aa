//! `without-namespaces PROGRAM …`: becomes PROGRAM, under a filter that refuses namespaces and mounts the way
//! Docker's default profile does. A container for tests, as far as the jail can tell.
//!
//! Must never let a program through without the filter: it ends with 70 instead.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

/// A filter, or why there is none.
type Made<T> = Result<T, Box<dyn std::error::Error>>;

/// Rules of one filter, by system call. No rule means whatever its arguments are.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Every way of asking `clone` or `unshare` for a namespace.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// What changes mounts, or enters somebody else's namespaces.
const MOUNTS: [i64; 11] = [
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_setns,
];

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let Some(program) = words.next() else {
        eprintln!("without-namespaces: which program?");
        return ExitCode::from(2);
    };
    if let Err(cause) = refuse_namespaces() {
        eprintln!("without-namespaces: the filter cannot be set: {cause}");
        return ExitCode::from(70);
    }
    #[allow(clippy::disallowed_methods, reason = "it becomes the program that a test starts")]
    let cause = Command::new(&program).args(words).exec();
    eprintln!("without-namespaces: cannot become {}: {cause}", program.display());
    ExitCode::from(70)
}

fn refuse_namespaces() -> Made<()> {
    // One filter has one answer. glibc falls back from clone3 to clone only when there is no clone3 at all; its
    // flags are in memory, which no filter can read.
    let unknown = Rules::from([(libc::SYS_clone3, Vec::new())]);
    apply_filter(&filter(unknown, libc::ENOSYS)?)?;
    let mut refused: Rules = MOUNTS.into_iter().map(|call| (call, Vec::new())).collect();
    for call in [libc::SYS_clone, libc::SYS_unshare] {
        refused.insert(call, NAMESPACES.into_iter().map(asks_for).collect::<Made<_>>()?);
    }
    apply_filter(&filter(refused, libc::EPERM)?)?;
    Ok(())
}

/// The first argument has this flag.
fn asks_for(flag: i32) -> Made<SeccompRule> {
    let flag = u64::from(flag.unsigned_abs());
    let operator = SeccompCmpOp::MaskedEq(flag);
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, operator, flag)?;
    Ok(SeccompRule::new(vec![condition])?)
}

/// Answers `error` to what the rules name, and lets everything else through.
fn filter(rules: Rules, error: i32) -> Made<BpfProgram> {
    let answer = SeccompAction::Errno(error.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, std::env::consts::ARCH.try_into()?)?;
    Ok(filter.try_into()?)
}
