//! Who a process is: user and group ids, their map into the jail, and whose death it shares.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, chownat};
use rustix::process::{DumpableBehavior, Gid, Pid, Signal, Uid};

/// The id that the codec sees as its own at L1. Not 0: an exec then drops whatever capability is left.
const INNER: u32 = 1000;

/// Has this process killed when `parent` dies, and makes sure that it has not died already.
pub(crate) fn die_with(parent: Pid) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() == Some(parent) {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::ESRCH))
    }
}

/// Whether others of the same user may look into this process.
pub(crate) fn set_dumpable(dumpable: bool) -> io::Result<()> {
    let behavior = if dumpable { DumpableBehavior::Dumpable } else { DumpableBehavior::NotDumpable };
    Ok(rustix::process::set_dumpable_behavior(behavior)?)
}

/// Gives up every supplementary group. Needs root; an unprivileged user keeps what it has.
pub(crate) fn leave_groups() -> io::Result<()> {
    Ok(rustix::thread::set_thread_groups(&[])?)
}

/// Makes `id` the owner of the output file.
pub(crate) fn give(output: Option<&OwnedFd>, id: u32) -> io::Result<()> {
    let Some(output) = output else { return Ok(()) };
    Ok(chownat(output, "", Some(Uid::from_raw(id)), Some(Gid::from_raw(id)), AtFlags::EMPTY_PATH)?)
}

/// Becomes `id` for good: real, effective and saved, group before user, as the reverse is refused.
pub(crate) fn become_id(id: u32) -> io::Result<()> {
    let (user, group) = (Uid::from_raw(id), Gid::from_raw(id));
    rustix::thread::set_thread_res_gid(group, group, group)?;
    Ok(rustix::thread::set_thread_res_uid(user, user, user)?)
}

/// Becomes the only id that the jail's user namespace knows.
pub(crate) fn become_inner() -> io::Result<()> {
    become_id(INNER)
}

/// Maps one id inside to one outside: the jail's own, or this process's where it has no other to give.
pub(crate) fn map(child: Pid, outer_id: Option<u32>) -> io::Result<()> {
    let child = child.as_raw_pid();
    let (user, group) = match outer_id {
        Some(id) => (id, id),
        None => {
            // The kernel lets an unprivileged process map its group only when groups can no longer be dropped.
            fs::write(format!("/proc/{child}/setgroups"), "deny")?;
            (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
        }
    };
    fs::write(format!("/proc/{child}/gid_map"), format!("{INNER} {group} 1"))?;
    fs::write(format!("/proc/{child}/uid_map"), format!("{INNER} {user} 1"))
}
