//! Promises of the lists, on both architectures, and of the filters, on this one, each in a process of its own.

use std::collections::HashSet;

use super::*;

/// `BPF_MAXINSNS`, the kernel's limit for one filter.
const INSTRUCTIONS_MAX: usize = 4096;

#[test]
fn every_entry_exists_where_it_says() {
    for entry in ALLOWED.iter().chain(KILLED) {
        for arch in Arch::ALL {
            assert_eq!(arch.number(entry.name).is_some(), entry.on.has(arch), "{} on {arch:?}", entry.name);
        }
    }
}

#[test]
fn no_name_is_twice_on_a_list() {
    for list in [ALLOWED, KILLED] {
        let names: HashSet<_> = list.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), list.len());
    }
}

#[test]
fn only_the_named_calls_are_on_both_lists() {
    let killed: HashSet<_> = KILLED.iter().map(|entry| entry.name).collect();
    let both: Vec<_> = ALLOWED.iter().map(|entry| entry.name).filter(|name| killed.contains(name)).collect();
    assert_eq!(both, ON_BOTH.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

#[test]
fn every_entry_has_a_reason() {
    for entry in ALLOWED.iter().chain(KILLED) {
        assert!(entry.reason.len() > 3, "{}", entry.name);
        assert!(
            entry.when.is_none_or(|when| !when.text.is_empty() && !when.any_of.is_empty()),
            "{}",
            entry.name
        );
    }
}

#[test]
fn both_architectures_compile_within_the_kernels_limit() {
    for arch in Arch::ALL {
        let (allow, kill) = Filters::compile_for(arch).expect("lists of this crate").instructions();
        assert!(allow < INSTRUCTIONS_MAX / 4 && kill < INSTRUCTIONS_MAX / 4, "{arch:?}: {allow} and {kill}");
    }
}

/// The tables come from one crate; libc has the host's numbers from another source.
#[test]
fn numbers_agree_with_libc() {
    for (name, number) in [
        ("read", libc::SYS_read),
        ("openat", libc::SYS_openat),
        ("newfstatat", libc::SYS_newfstatat),
        ("mmap", libc::SYS_mmap),
        ("clone", libc::SYS_clone),
        ("execve", libc::SYS_execve),
        ("socket", libc::SYS_socket),
        ("connect", libc::SYS_connect),
        ("tgkill", libc::SYS_tgkill),
        ("seccomp", libc::SYS_seccomp),
        ("prlimit64", libc::SYS_prlimit64),
        ("ptrace", libc::SYS_ptrace),
        ("process_vm_readv", libc::SYS_process_vm_readv),
        ("memfd_create", libc::SYS_memfd_create),
        ("io_uring_setup", libc::SYS_io_uring_setup),
        ("umount2", libc::SYS_umount2),
        ("unshare", libc::SYS_unshare),
        ("mount_setattr", libc::SYS_mount_setattr),
        ("faccessat2", libc::SYS_faccessat2),
    ] {
        assert_eq!(Arch::HOST.number(name), Some(number), "{name}");
    }
}

mod in_a_child {
    use std::os::fd::AsRawFd;

    use super::*;

    /// How the child ended: its exit code, or minus the signal that killed it.
    fn end_of(child: impl FnOnce(&Filters) -> i32) -> i32 {
        let filters = Filters::compile().expect("lists of this crate");
        // SAFETY: the child only makes system calls and allocates nothing before `_exit`.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            // SAFETY: constant arguments; then `_exit`, which runs nothing of the parent's.
            unsafe {
                libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                libc::_exit(child(&filters))
            }
        }
        assert!(pid > 0);
        let mut status = 0;
        // SAFETY: `status` outlives the call.
        assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
        if libc::WIFSIGNALED(status) { -libc::WTERMSIG(status) } else { libc::WEXITSTATUS(status) }
    }

    /// The errno of a call made under the strict filters; 0 if it worked.
    fn errno_of(call: impl FnOnce() -> libc::c_long) -> i32 {
        end_of(|filters| {
            // SAFETY: no arguments.
            let pid = unsafe { libc::getpid() };
            if install_strict(filters, pid, std::ptr::null()).is_err() {
                return 255;
            }
            if call() >= 0 {
                return 0;
            }
            // SAFETY: the pointer is this thread's own errno.
            unsafe { *libc::__errno_location() }
        })
    }

    macro_rules! call {
        ($name:ident $(, $argument:expr)*) => {
            // SAFETY: null pointers and plain numbers; the filters answer before the kernel looks at them.
            errno_of(|| unsafe { libc::syscall(libc::$name $(, $argument)*) })
        };
    }

    const KILLED_BY_FILTER: i32 = -libc::SIGSYS;

    #[test]
    fn the_kill_list_kills() {
        assert_eq!(call!(SYS_ptrace, 0, 0, 0, 0), KILLED_BY_FILTER);
        assert_eq!(call!(SYS_process_vm_readv, 0, 0, 0, 0, 0, 0), KILLED_BY_FILTER);
        assert_eq!(call!(SYS_unshare, libc::CLONE_NEWUSER), KILLED_BY_FILTER);
        assert_eq!(call!(SYS_memfd_create, 0, 0), KILLED_BY_FILTER);
        assert_eq!(call!(SYS_io_uring_setup, 0, 0), KILLED_BY_FILTER);
        assert_eq!(call!(SYS_kill, 0, 0), KILLED_BY_FILTER);
        assert_eq!(call!(SYS_seccomp, 2, 0, 0), KILLED_BY_FILTER);
        assert_eq!(call!(SYS_clone, libc::SIGCHLD, 0, 0, 0, 0), KILLED_BY_FILTER);
        assert_eq!(call!(SYS_bind, 0, 0, 0), KILLED_BY_FILTER);
    }

    #[test]
    fn what_is_on_no_list_does_not_exist() {
        assert_eq!(call!(SYS_clone3, 0, 0), libc::ENOSYS);
        assert_eq!(call!(SYS_unlinkat, -1, 0, 0), libc::ENOSYS);
        assert_eq!(call!(SYS_renameat2, -1, 0, -1, 0, 0), libc::ENOSYS);
        assert_eq!(call!(SYS_sendmsg, -1, 0, 0), libc::ENOSYS);
        assert_eq!(call!(SYS_socketpair, libc::AF_UNIX, libc::SOCK_STREAM, 0, 0), libc::ENOSYS);
        assert_eq!(call!(SYS_setpriority, 0, 0, 0), libc::ENOSYS);
        assert_eq!(call!(SYS_inotify_init1, 0), libc::ENOSYS);
    }

    #[test]
    fn conditions_hold() {
        let (private, shared) =
            (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        let (read, write, exec) = (libc::PROT_READ, libc::PROT_WRITE, libc::PROT_EXEC);
        assert_eq!(call!(SYS_mmap, 0, 4096, read | write, private, -1, 0), 0);
        assert_eq!(call!(SYS_mmap, 0, 4096, read | exec, private, -1, 0), 0);
        assert_eq!(call!(SYS_mmap, 0, 4096, read | write | exec, private, -1, 0), libc::ENOSYS);
        assert_eq!(call!(SYS_mmap, 0, 4096, read, shared, -1, 0), libc::ENOSYS);
        assert_eq!(call!(SYS_mprotect, 0, 0, read | write | exec), libc::ENOSYS);
        assert_eq!(call!(SYS_mprotect, 0, 0, read | exec), libc::ENOSYS);
        assert_eq!(call!(SYS_mprotect, 0, 0, read), 0);
        assert_eq!(call!(SYS_prlimit64, 0, libc::RLIMIT_CORE, 1, 0), libc::ENOSYS);
        assert_eq!(call!(SYS_prlimit64, 1, libc::RLIMIT_CORE, 0, 0), libc::ENOSYS);
        assert_eq!(call!(SYS_prlimit64, 0, libc::RLIMIT_CORE, 0, 0), 0);
        assert_eq!(call!(SYS_fcntl, 0, libc::F_SETOWN, 1), libc::ENOSYS);
        assert_eq!(call!(SYS_ioctl, 0, libc::TIOCSTI, 0), libc::ENOSYS);
        assert_eq!(call!(SYS_prctl, libc::PR_SET_PDEATHSIG, 0, 0, 0, 0), libc::ENOSYS);
        assert_eq!(call!(SYS_socket, libc::AF_INET, libc::SOCK_DGRAM, 0), libc::ENOSYS);
        assert_eq!(call!(SYS_socket, libc::AF_INET6, libc::SOCK_STREAM, 0), libc::ENOSYS);
        assert_eq!(call!(SYS_socket, libc::AF_UNIX, libc::SOCK_STREAM, 0), libc::ENOSYS);
        assert_eq!(call!(SYS_sendto, -1, 0, 0, libc::MSG_FASTOPEN, 0, 0), libc::ENOSYS);
        assert_eq!(call!(SYS_sendto, -1, 0, 0, 0, 1, 16), libc::ENOSYS);
        assert_eq!(call!(SYS_sendto, -1, 0, 0, 0, 0, 0), libc::EBADF);
    }

    #[test]
    fn the_per_job_filter_knows_its_process_and_its_file() {
        assert_eq!(call!(SYS_tgkill, 1, 1, 0), libc::EPERM);
        // SAFETY: signal 0 to itself changes nothing.
        let own = errno_of(|| unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::gettid(), 0) });
        assert_eq!(own, 0);
        // The admitted address is null here: the kernel looks at it, and finds no file name.
        assert_eq!(call!(SYS_execve, 0, 0, 0), libc::EFAULT);
        assert_eq!(call!(SYS_execve, c"/bin/true".as_ptr(), 0, 0), libc::ENOSYS);
        assert_eq!(call!(SYS_execve, 1u64 << 32, 0, 0), libc::ENOSYS);
    }

    /// i386's numbers would mean other calls: the architecture check comes before them.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn other_call_interfaces_are_closed() {
        let i386_getpid = || {
            let result: i64;
            // SAFETY: getpid has no arguments; the old interface may clobber r8 to r11.
            unsafe {
                std::arch::asm!("int 0x80", inlateout("rax") 20i64 => result,
                    out("r8") _, out("r9") _, out("r10") _, out("r11") _);
            }
            result
        };
        assert_eq!(errno_of(i386_getpid), KILLED_BY_FILTER);
        // SAFETY: getpid has no arguments.
        let x32_getpid = errno_of(|| unsafe { libc::syscall(libc::SYS_getpid | 0x4000_0000) });
        assert_eq!(x32_getpid, libc::ENOSYS);
    }

    #[test]
    fn connect_is_reported_done_and_socket_waits_for_an_answer() {
        let end = end_of(|filters| {
            let Ok(listener) = install_notify() else { return 1 };
            if install_strict(filters, 0, std::ptr::null()).is_err() {
                return 2;
            }
            // SAFETY: the address is null: a connect that was executed would fail.
            if unsafe { libc::connect(-1, std::ptr::null(), 0) } != 0 {
                return 3;
            }
            let mut poll = libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one entry that outlives the call; nobody has asked for a socket yet.
            if unsafe { libc::poll(&raw mut poll, 1, 0) } == 0 { 0 } else { 4 }
        });
        assert_eq!(end, 0);
    }
}
