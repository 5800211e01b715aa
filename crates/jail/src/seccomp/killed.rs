//! The kill list: what no codec ever calls. The process dies at once, and the worker sees SIGSYS: an alarm, not a crash.

use super::entry::{Entry, bits, entry};

const OTHERS: &str = "reads, writes or steers another process";
const KERNEL: &str = "hands the kernel a program, or watches it";
const RING: &str = "makes system calls that no filter sees";
const KEYS: &str = "keys of other processes";
const MOUNTS: &str = "another view of the file system";
const NAMESPACE: &str = "namespaces, and capabilities with them";
const HANDLES: &str = "opens files past their path, and past Landlock";
const MACHINE: &str = "changes the machine";
const CLOCK: &str = "changes the machine's clock";
const PORTS: &str = "talks to hardware, or changes segments";
const PROCESS: &str = "a second process; the codec has threads alone";
const NAMELESS: &str = "a file without a path: memory that no limit counts, or code that Landlock cannot see";
const IDENTITY: &str = "another user, group or capability";
const SHARED: &str = "memory or messages shared with other processes, uncounted by RLIMIT_DATA";
const SERVER: &str = "waits for connections; the codec only makes them";
const SIGNALS: &str = "signals to other processes; abort() uses tgkill";
const NODES: &str = "makes device nodes";

/// What kills the codec. One reason per entry.
pub const KILLED: &[Entry] = &[
    entry("ptrace", OTHERS),
    entry("process_vm_readv", OTHERS),
    entry("process_vm_writev", OTHERS),
    entry("process_madvise", OTHERS),
    entry("kcmp", OTHERS),
    entry("pidfd_getfd", OTHERS),
    entry("pidfd_open", OTHERS),
    entry("pidfd_send_signal", OTHERS),
    entry("bpf", KERNEL),
    entry("perf_event_open", KERNEL),
    entry("userfaultfd", "stops the kernel in the middle of a copy, the usual help of exploits"),
    entry("fanotify_init", KERNEL),
    entry("lookup_dcookie", KERNEL),
    entry("syslog", "the kernel's log, with its addresses"),
    entry("io_uring_setup", RING),
    entry("io_uring_enter", RING),
    entry("io_uring_register", RING),
    entry("keyctl", KEYS),
    entry("add_key", KEYS),
    entry("request_key", KEYS),
    entry("mount", MOUNTS),
    entry("umount2", MOUNTS),
    entry("pivot_root", MOUNTS),
    entry("chroot", MOUNTS),
    entry("open_tree", MOUNTS),
    entry("move_mount", MOUNTS),
    entry("fsopen", MOUNTS),
    entry("fsconfig", MOUNTS),
    entry("fsmount", MOUNTS),
    entry("fspick", MOUNTS),
    entry("mount_setattr", MOUNTS),
    entry("unshare", NAMESPACE),
    entry("setns", NAMESPACE),
    entry("open_by_handle_at", HANDLES),
    entry("name_to_handle_at", HANDLES),
    entry("init_module", MACHINE),
    entry("finit_module", MACHINE),
    entry("delete_module", MACHINE),
    entry("kexec_load", MACHINE),
    entry("kexec_file_load", MACHINE),
    entry("reboot", MACHINE),
    entry("swapon", MACHINE),
    entry("swapoff", MACHINE),
    entry("acct", MACHINE),
    entry("quotactl", MACHINE),
    entry("quotactl_fd", MACHINE),
    entry("vhangup", MACHINE),
    entry("settimeofday", CLOCK),
    entry("clock_settime", CLOCK),
    entry("adjtimex", CLOCK),
    entry("clock_adjtime", CLOCK),
    entry("iopl", PORTS).x86(),
    entry("ioperm", PORTS).x86(),
    entry("modify_ldt", PORTS).x86(),
    entry("fork", PROCESS).x86(),
    entry("vfork", PROCESS).x86(),
    entry("clone", PROCESS).when("without CLONE_THREAD", &[&[bits(0, libc::CLONE_THREAD as u32, 0)]]),
    entry("execveat", "starts a program by descriptor"),
    entry("memfd_create", NAMELESS),
    entry("memfd_secret", NAMELESS),
    entry("personality", "turns off the randomness of addresses"),
    entry("setuid", IDENTITY),
    entry("setgid", IDENTITY),
    entry("setreuid", IDENTITY),
    entry("setregid", IDENTITY),
    entry("setresuid", IDENTITY),
    entry("setresgid", IDENTITY),
    entry("setgroups", IDENTITY),
    entry("capset", IDENTITY),
    entry("shmget", SHARED),
    entry("shmat", SHARED),
    entry("semget", SHARED),
    entry("msgget", SHARED),
    entry("mq_open", SHARED),
    entry("bind", SERVER),
    entry("listen", SERVER),
    entry("accept", SERVER),
    entry("accept4", SERVER),
    entry("kill", SIGNALS),
    entry("tkill", SIGNALS),
    entry("rt_sigqueueinfo", SIGNALS),
    entry("rt_tgsigqueueinfo", SIGNALS),
    entry("mknod", NODES).x86(),
    entry("mknodat", NODES),
    entry("vmsplice", "gives pages away that the caller can still change"),
    entry("seccomp", "a filter that turns other calls into lies"),
];
