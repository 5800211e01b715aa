//! Puts filters on the calling thread, by seccomp(2) itself: seccompiler's own way would also call prctl(2), which
//! the allow list no longer admits, and knows no notification.
//!
//! Called in the jail's process between clone and exec: no allocation, no lock.

use std::ffi::c_char;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use seccompiler::sock_filter;

use super::bpf::{notify, per_job};
use super::entry::Arch;
use super::filters::Filters;

/// `SECCOMP_FILTER_FLAG_NEW_LISTENER` and `..._WAIT_KILLABLE_RECV` (5.19): a waiting `socket()` is then only
/// interrupted by death, so that no signal makes the codec ask for its socket twice.
const LISTENER_FLAGS: [libc::c_ulong; 2] = [(1 << 3) | (1 << 5), 1 << 3];

/// Sends this thread's `socket()` to the returned descriptor, and reports each `connect()` as done.
///
/// First of all filters: the descriptor must leave by sendmsg(2) before the strict ones stand.
///
/// # Errors
/// The kernel has no user notification (before 5.0), or an outer profile forbids seccomp(2).
pub(crate) fn install_notify() -> io::Result<OwnedFd> {
    let program = notify(Arch::HOST);
    let mut last = io::Error::from_raw_os_error(libc::ENOSYS);
    for flags in LISTENER_FLAGS {
        match install(&program, flags) {
            // SAFETY: with NEW_LISTENER the kernel returns a descriptor that is open, new, and owned by nobody else.
            Ok(descriptor) => return Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The per-job filter, the allow list, and the kill list, which takes seccomp(2) away as well.
///
/// `pid` is the only process that tgkill(2) reaches: the caller's own, as it sees it itself. `file` is the address of
/// the only file name that execve(2) admits: that of the call which follows; null where none follows.
///
/// # Errors
/// The kernel or an outer profile refuses a filter; what is installed so far stays.
pub(crate) fn install_strict(filters: &Filters, pid: i32, file: *const c_char) -> io::Result<()> {
    install(&per_job(Arch::HOST, pid, file as u64), 0)?;
    install(&filters.allow, 0)?;
    install(&filters.kill, 0)?;
    Ok(())
}

fn install(program: &[sock_filter], flags: libc::c_ulong) -> io::Result<i32> {
    let len = u16::try_from(program.len()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let argument = libc::sock_fprog { len, filter: program.as_ptr().cast::<libc::sock_filter>().cast_mut() };
    // SAFETY: `argument` points to `len` instructions, laid out as the kernel's (seccompiler's type is `repr(C)` with
    // its four fields), which it only reads, and only during the call.
    let result = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const argument)
    };
    // A descriptor or 0; the cast cannot cut either.
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}
