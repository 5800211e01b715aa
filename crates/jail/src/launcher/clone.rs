//! The jail's first process. clone(2) and not clone3(2), which container profiles refuse; not unshare(2), so that the
//! process is pid 1 of its namespace and this one stays outside.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use rustix::process::Pid;

use crate::Level;

/// Namespaces of L1. Ids, files, processes, network, System V and POSIX IPC, host name, cgroup paths.
const NAMESPACES: i32 = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// The jail's first process, as the launcher sees it. Killed and reaped when dropped.
pub(super) struct Child {
    pub(super) pid: Pid,
    pub(super) process: OwnedFd,
}

/// Makes the process; none in the process that was made.
pub(super) fn clone(level: Level) -> io::Result<Option<Child>> {
    let namespaces = if level == Level::L1 { NAMESPACES } else { 0 };
    let flags = (namespaces | libc::CLONE_PIDFD | libc::SIGCHLD) as libc::c_ulong; // every argument a whole register
    const NONE: libc::c_ulong = 0;
    let mut process: RawFd = -1;
    // SAFETY: without CLONE_VM and with no new stack this is a fork of a single-threaded process: the child has its own
    // copy of everything and goes on from here. The kernel writes one int, the pidfd, to `process`. The arguments that
    // differ in order between architectures are both zero.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, NONE, &raw mut process, NONE, NONE) };
    match pid {
        0 => Ok(None),
        1.. => {
            // SAFETY: with CLONE_PIDFD the kernel has stored a new open descriptor that nobody else owns.
            let process = unsafe { OwnedFd::from_raw_fd(process) };
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
            Ok(Some(Child { pid, process }))
        }
        _ => Err(io::Error::last_os_error()),
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Every way out of the launcher comes by here; it fails only when the process is dead.
        let _ = rustix::process::pidfd_send_signal(&self.process, rustix::process::Signal::KILL);
    }
}
