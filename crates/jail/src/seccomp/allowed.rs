//! The allow list: what a codec needs. Everything else is `ENOSYS`, so that libraries fall back instead of failing
//! (`EPERM` would break glibc's own fall-backs, `clone3` to `clone` for one).

use super::entry::{Check, Entry, bits, entry, int, null};

/// `MAP_TYPE`, `MAP_PRIVATE`, and protections, as the kernel numbers them on both architectures.
const MAP_TYPE: u32 = 0xf;
const MAP_PRIVATE: u32 = libc::MAP_PRIVATE as u32;
const WRITE: u32 = libc::PROT_WRITE as u32;
const EXEC: u32 = libc::PROT_EXEC as u32;
/// `PROT_BTI` of ARM; x86-64 refuses the bit, so that nothing becomes executable there, whatever the kernel's age
/// (MDWE needs 6.3).
const BTI: u32 = 0x10;
const THREAD: u32 = libc::CLONE_THREAD as u32;
/// Flags of clone that make a namespace or hand a tracer on.
const NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_PTRACE) as u32;
const INET: Check = int(0, libc::AF_INET as u32);
/// The type without SOCK_NONBLOCK and SOCK_CLOEXEC.
const STREAM: Check = bits(1, 0xf, libc::SOCK_STREAM as u32);

/// What a codec may call. One reason per entry.
pub const ALLOWED: &[Entry] = &[
    // What is already open.
    entry("read", "input, files"),
    entry("write", "output, progress, messages"),
    entry("readv", "stdio's large reads"),
    entry("writev", "stdio's and Rust's formatted writes"),
    entry("pread64", "the loader reads program headers"),
    entry("pwrite64", "muxers patch headers"),
    entry("close", "every open needs one"),
    entry("fstat", "stdio asks for block sizes, muxers for lengths"),
    entry("lseek", "muxers seek in the output"),
    entry("poll", "ffmpeg waits for its socket").x86(),
    entry("ppoll", "the same, newer"),
    entry("select", "ffmpeg's sleep on some paths").x86(),
    entry("pselect6", "the same, newer"),
    entry("dup", "ffmpeg's fd: and pipe: protocols"),
    entry("fadvise64", "readers announce sequential access"),
    entry("ftruncate", "muxers cut and clear the output; RLIMIT_FSIZE bounds it"),
    entry("fallocate", "writers reserve space; RLIMIT_FSIZE bounds it"),
    entry("fsync", "writers flush the output"),
    entry("fdatasync", "writers flush the output"),
    entry("pipe2", "encoders wake their own threads"),
    entry("eventfd2", "encoders wake their own threads"),
    entry("fcntl", "flags of descriptors, and copies of them").when(
        "F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC",
        &[
            &[int(1, libc::F_GETFD as u32)],
            &[int(1, libc::F_SETFD as u32)],
            &[int(1, libc::F_GETFL as u32)],
            &[int(1, libc::F_SETFL as u32)],
            &[int(1, libc::F_DUPFD_CLOEXEC as u32)],
        ],
    ),
    entry("ioctl", "stdio asks whether it writes to a terminal; no device has a door here").when(
        "FIONREAD, FIONBIO, TCGETS, FIOCLEX",
        &[
            &[int(1, libc::FIONREAD as u32)],
            &[int(1, libc::FIONBIO as u32)],
            &[int(1, libc::TCGETS as u32)],
            &[int(1, libc::FIOCLEX as u32)],
        ],
    ),
    // Paths: Landlock and the empty root decide what there is to find.
    entry("openat", "libraries, the output"),
    entry("open", "the same, older").x86(),
    entry("newfstatat", "the loader looks at libraries"),
    entry("stat", "the same, older").x86(),
    entry("lstat", "the same, older").x86(),
    entry("statx", "the same, newer"),
    entry("access", "the loader looks for /etc/ld.so.preload").x86(),
    entry("faccessat", "the same, newer"),
    entry("faccessat2", "the same, newer"),
    entry("readlink", "the loader finds $ORIGIN").x86(),
    entry("readlinkat", "the same, newer"),
    entry("getdents64", "fontconfig and the like list directories, and live with a refusal to open them"),
    entry("statfs", "libraries ask which file system"),
    entry("fstatfs", "libraries ask which file system"),
    entry("getcwd", "relative names"),
    // Memory: private only, since RLIMIT_DATA counts nothing else; never writable and executable at once.
    entry("mmap", "memory, libraries").when(
        "MAP_PRIVATE; not writable and executable at once",
        &[
            &[bits(3, MAP_TYPE, MAP_PRIVATE), bits(2, WRITE, 0)],
            &[bits(3, MAP_TYPE, MAP_PRIVATE), bits(2, EXEC, 0)],
        ],
    ),
    entry(
        "mprotect",
        "relocations become read-only, thread stacks get guards; on ARM the loader marks code with BTI",
    )
    .when(
        "not executable, or (ARM) executable with PROT_BTI and not writable",
        &[&[bits(2, EXEC, 0)], &[bits(2, WRITE | BTI, BTI)]],
    ),
    entry("munmap", "memory goes back"),
    entry("mremap", "realloc of large blocks"),
    entry("madvise", "free memory goes back without losing its range"),
    entry("brk", "the heap"),
    // Threads, time, signals to itself.
    entry("clone", "threads; glibc falls back to it when clone3 is missing")
        .when("CLONE_THREAD, and no namespace", &[&[bits(0, THREAD, THREAD), bits(0, NAMESPACES, 0)]]),
    entry("futex", "locks"),
    entry("futex_waitv", "locks, newer"),
    entry("set_robust_list", "each thread's start"),
    entry("rseq", "each thread's start"),
    entry("set_tid_address", "the process's start"),
    entry("exit", "a thread ends"),
    entry("exit_group", "the process ends"),
    entry("restart_syscall", "the kernel resumes an interrupted sleep"),
    entry("sched_yield", "spin locks of encoders"),
    entry("sched_getaffinity", "how many processors there are"),
    entry("sched_getparam", "glibc asks before it starts a thread"),
    entry("sched_getscheduler", "glibc asks before it starts a thread"),
    entry("sched_get_priority_max", "encoders ask, and cannot set"),
    entry("sched_get_priority_min", "encoders ask, and cannot set"),
    entry("getpriority", "encoders ask, and cannot set"),
    entry("getcpu", "allocators spread over processors"),
    entry("membarrier", "allocators and RCU libraries"),
    entry("clock_gettime", "time, where the vDSO does not answer"),
    entry("clock_getres", "time"),
    entry("clock_nanosleep", "sleep"),
    entry("nanosleep", "sleep"),
    entry("gettimeofday", "time"),
    entry("time", "time").x86(),
    entry("times", "ffmpeg's benchmarks"),
    entry("getrusage", "ffmpeg's benchmarks"),
    entry("rt_sigaction", "handlers"),
    entry("rt_sigprocmask", "each thread's start"),
    entry("rt_sigreturn", "a handler ends"),
    entry("rt_sigtimedwait", "waits for signals"),
    entry("sigaltstack", "Rust's and others' overflow handlers"),
    entry("tgkill", "abort() and raise(); the per-job filter admits the own process alone"),
    // Who and where am I.
    entry("getpid", "seeds, names of threads"),
    entry("gettid", "locks"),
    entry("getppid", "libraries ask"),
    entry("getuid", "libraries ask whether they run setuid"),
    entry("geteuid", "libraries ask whether they run setuid"),
    entry("getgid", "libraries ask whether they run setuid"),
    entry("getegid", "libraries ask whether they run setuid"),
    entry("uname", "the loader checks the kernel"),
    entry("sysinfo", "how much memory there is"),
    entry("getrandom", "seeds, malloc's secrets"),
    entry("arch_prctl", "thread-local storage").x86(),
    entry("prctl", "names of threads and of memory").when(
        "PR_SET_NAME, PR_GET_NAME, PR_SET_VMA",
        &[
            &[int(0, libc::PR_SET_NAME as u32)],
            &[int(0, libc::PR_GET_NAME as u32)],
            &[int(0, libc::PR_SET_VMA as u32)],
        ],
    ),
    entry("prlimit64", "glibc reads the stack limit before it starts a thread")
        .when("reads only, and only the own ones", &[&[int(0, 0), null(2)]]),
    // The start itself.
    entry("execve", "the codec's start; the per-job filter admits one file name, at one address"),
    entry("seccomp", "the kill list is put on top of this list, and then takes this call away"),
    // The door. The notify filter takes socket() and connect() before the kernel does.
    entry("socket", "the input: one end of a pair whose other end is the worker's door").when(
        "AF_INET, SOCK_STREAM, protocol 0 or TCP",
        &[&[INET, STREAM, int(2, 0)], &[INET, STREAM, int(2, libc::IPPROTO_TCP as u32)]],
    ),
    entry("connect", "reported done by the notify filter, never executed"),
    entry("sendto", "requests; never to an address, never connecting by itself")
        .when("no address, no MSG_FASTOPEN", &[&[bits(3, libc::MSG_FASTOPEN as u32, 0), null(4)]]),
    entry("recvfrom", "answers"),
    entry("getsockopt", "ffmpeg asks whether the connection stands"),
    entry("setsockopt", "ffmpeg sets TCP_NODELAY; a socket pair refuses it, and ffmpeg lives with that")
        .when(
            "SOL_SOCKET, IPPROTO_TCP",
            &[&[int(1, libc::SOL_SOCKET as u32)], &[int(1, libc::IPPROTO_TCP as u32)]],
        ),
    entry("getpeername", "libraries ask"),
    entry("getsockname", "libraries ask"),
    entry("shutdown", "the end of a request"),
];
