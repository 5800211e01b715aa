//! The launcher's wait: for the jail's death, or for the worker's, which is followed by the jail's.

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, pidfd_send_signal};

use super::clone::Child;
use crate::wire::Report;

/// The zygote has its children reaped by the kernel, and a forked process inherits that; then nothing could be
/// learned of the jail's end.
pub(super) fn count_children() -> io::Result<()> {
    // SAFETY: the default disposition runs no code of ours.
    let before = unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    if before == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Waits until the jail is dead, and says how it ended. Once the worker's end of `control` is closed, kills it.
pub(super) fn until_dead(child: &Child, control: &OwnedFd) -> io::Result<Report> {
    loop {
        // A packet is for the jail and none of our business; that no more will come is.
        let mut descriptors =
            [PollFd::new(&child.process, PollFlags::IN), PollFd::new(control, PollFlags::RDHUP)];
        match poll(&mut descriptors, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let dead = !descriptors[0].revents().is_empty();
        let left = !descriptors[1].revents().is_empty();
        if left && !dead {
            pidfd_send_signal(&child.process, Signal::KILL)?;
        }
        if dead || left {
            return reap(child.pid);
        }
    }
}

fn reap(pid: Pid) -> io::Result<Report> {
    let mut status = 0;
    // SAFETY: the struct is plain integers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to live variables of the types that the call writes.
        let reaped = unsafe { libc::wait4(pid.as_raw_pid(), &raw mut status, 0, &raw mut usage) };
        if reaped == pid.as_raw_pid() {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(Report::Exit {
        code: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
        signal: libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status)),
        cpu_microseconds: microseconds(usage.ru_utime) + microseconds(usage.ru_stime),
        rss_kib_max: u64::try_from(usage.ru_maxrss).unwrap_or(0),
    })
}

fn microseconds(time: libc::timeval) -> u64 {
    u64::try_from(time.tv_sec * 1_000_000 + time.tv_usec).unwrap_or(0)
}
