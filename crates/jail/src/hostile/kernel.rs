//! The kernel's own doors: mounts, namespaces, keys, programs for the kernel, identities, clocks.

use std::ptr;

use super::Canaries;
use super::attempt::{Act, Attempt};
use super::outcome::{Outcome, call};

const GROUP: &str = "kernel";

/// A file system, a directory and a device that exist nowhere: where every wall is missing, nothing changes.
const NOWHERE: *const libc::c_char = c"/nonexistent/valet".as_ptr();

const fn attempt(name: &'static str, what: &'static str, act: fn(&Canaries) -> Outcome) -> Attempt {
    Attempt::new(GROUP, name, what, Act::Call(act))
}

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt("user-namespace", "become root of a user namespace", |_| {
        call!("is root in one", SYS_unshare, libc::CLONE_NEWUSER)
    })
    .at_start(),
    attempt("clone-user-namespace", "make a process in a user namespace", |_| {
        // SAFETY: without a stack of its own the child has a copy of ours, and ends at once.
        let made = unsafe { libc::syscall(libc::SYS_clone, libc::CLONE_NEWUSER | libc::SIGCHLD, 0, 0, 0, 0) };
        if made == 0 {
            // SAFETY: ends the process that should not exist.
            unsafe { libc::_exit(0) }
        }
        Outcome::of_call(made, "made one")
    }),
    attempt("setns", "enter another namespace", |_| call!("entered it", SYS_setns, libc::STDIN_FILENO, 0)),
    attempt("mount", "mount", |_| call!("mounted", SYS_mount, NOWHERE, NOWHERE, NOWHERE, libc::MS_BIND, 0)),
    attempt("umount", "unmount", |_| call!("unmounted", SYS_umount2, NOWHERE, 0)),
    attempt("chroot", "change the root", |_| call!("changed it", SYS_chroot, c".".as_ptr())),
    attempt("pivot-root", "exchange the root", |_| call!("exchanged it", SYS_pivot_root, NOWHERE, NOWHERE)),
    attempt("open-tree", "take a mount out of its tree", |_| {
        const CLONE: libc::c_int = 1;
        call!("has it", SYS_open_tree, libc::AT_FDCWD, c".".as_ptr(), CLONE)
    }),
    attempt("fsopen", "make a file system", |_| call!("has one", SYS_fsopen, c"tmpfs".as_ptr(), 0)),
    attempt("keyctl", "look into the key ring", |_| {
        const GET_KEYRING: libc::c_int = 0;
        const SESSION: libc::c_int = -3;
        call!("has it", SYS_keyctl, GET_KEYRING, SESSION, 0)
    }),
    attempt("add-key", "put a key into the key ring", |_| {
        const PROCESS: libc::c_int = -2;
        call!("put one", SYS_add_key, c"user".as_ptr(), c"valet".as_ptr(), c"x".as_ptr(), 1, PROCESS)
    }),
    attempt("io-uring", "make system calls that no filter sees", |_| {
        let mut parameters = [0u64; 15];
        call!("has a ring", SYS_io_uring_setup, 1, parameters.as_mut_ptr())
    }),
    attempt("userfaultfd", "stop the kernel at page faults", |_| call!("may", SYS_userfaultfd, 0)),
    attempt("bpf", "give the kernel a program", |_| {
        // Type, key, value and count of a small map.
        let map: [u32; 16] = [2, 4, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        call!("made a map", SYS_bpf, 0, map.as_ptr(), size_of_val(&map))
    }),
    attempt("perf", "watch by performance counters", |_| {
        // Type 1 (software), then the size of the first version of the kernel's structure; the event is 0.
        let mut event = [0u32; 16];
        (event[0], event[1]) = (1, 64);
        call!("watches", SYS_perf_event_open, event.as_mut_ptr(), 0, -1, -1, 0)
    }),
    attempt("seccomp", "put a filter of its own on top", |_| {
        const GET_NOTIF_SIZES: libc::c_int = 3;
        let mut sizes = [0u16; 3];
        call!("may", SYS_seccomp, GET_NOTIF_SIZES, 0, sizes.as_mut_ptr())
    }),
    attempt("setuid", "become root", |_| call!("is root", SYS_setuid, 0)),
    attempt("capabilities", "take all capabilities", |_| capabilities()),
    attempt("personality", "turn off the randomness of addresses", |_| {
        const NO_RANDOMNESS: libc::c_ulong = 0x4_0000;
        call!("turned it off", SYS_personality, NO_RANDOMNESS)
    }),
    attempt("module", "load a module", |_| call!("loaded it", SYS_finit_module, -1, c"".as_ptr(), 0)),
    attempt("kexec", "start another kernel", |_| {
        call!("loaded it", SYS_kexec_load, 0, 0, ptr::null::<u8>(), 0)
    }),
    attempt("clock", "set the clock, to what it says", |_| {
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: writes into a value of its layout that outlives the call.
        unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut now) };
        call!("set it", SYS_clock_settime, libc::CLOCK_REALTIME, &raw const now)
    }),
    attempt("kernel-log", "ask for the kernel's log", |_| {
        const SIZE: libc::c_int = 10;
        call!("may read it", SYS_syslog, SIZE, 0, 0)
    }),
    attempt("swap", "turn swap off", |_| call!("turned it off", SYS_swapoff, NOWHERE)),
    attempt("fanotify", "watch the file system", |_| call!("watches", SYS_fanotify_init, 0, 0)),
    attempt("device-node", "make a device node", |_| {
        const NULL_DEVICE: libc::c_int = 0x103;
        call!(
            "made one",
            SYS_mknodat,
            libc::AT_FDCWD,
            c"valet-escape".as_ptr(),
            libc::S_IFCHR | 0o600,
            NULL_DEVICE
        )
    }),
    #[cfg(target_arch = "x86_64")]
    attempt("io-ports", "talk to hardware", |_| call!("may", SYS_ioperm, 0x80, 1, 1)),
    #[cfg(target_arch = "x86_64")]
    attempt("segments", "change its segments", |_| {
        let mut table = [0u8; 16];
        call!("may", SYS_modify_ldt, 0, table.as_mut_ptr(), table.len())
    }),
    attempt("terminal", "type into the terminal that started the worker", |_| {
        call!("typed", SYS_ioctl, libc::STDERR_FILENO, libc::TIOCSTI, c"\n".as_ptr())
    }),
];

fn capabilities() -> Outcome {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    // Effective, permitted and inheritable, twice 32 of them.
    let all = [u32::MAX; 6];
    call!("has them", SYS_capset, header.as_ptr(), all.as_ptr())
}
