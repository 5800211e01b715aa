//! Other processes: their secrets, their memory, and signals to them.

use std::fs::{self, File};
use std::io::Read;

use super::Canaries;
use super::attempt::{Act, Attempt};
use super::outcome::{Outcome, call};

const GROUP: &str = "processes";

/// `PTRACE_SEIZE`: unlike an attach it does not stop the victim, and it ends with this process.
const PTRACE_SEIZE: u32 = 0x4206;

const fn attempt(name: &'static str, what: &'static str, act: fn(&Canaries) -> Outcome) -> Attempt {
    Attempt::new(GROUP, name, what, Act::Call(act))
}

pub(super) const ATTEMPTS: &[Attempt] = &[
    attempt("victim-environment", "read another process's environment", |c| read(c, "environ")).at_start(),
    attempt("victim-command-line", "read another process's arguments", |c| read(c, "cmdline")),
    attempt("victim-memory", "open another process's memory", |c| {
        Outcome::of(File::open(format!("/proc/{}/mem", c.victim_pid)), |_| "opened it".to_owned())
    }),
    attempt("victim-descriptors", "list another process's descriptors", |c| {
        let listed = fs::read_dir(format!("/proc/{}/fd", c.victim_pid));
        Outcome::of(listed, |entries| format!("{} descriptors", entries.count()))
    }),
    attempt("ptrace", "trace another process", |c| {
        call!("traces it", SYS_ptrace, PTRACE_SEIZE, c.victim_pid, 0, 0)
    })
    .at_start(),
    attempt("read-victim-memory", "read another process's memory by system call", read_memory),
    attempt("pidfd-open", "get a handle on another process", |c| {
        call!("has a handle", SYS_pidfd_open, c.victim_pid, 0)
    }),
    attempt("pidfd-getfd", "take a descriptor from another process", |_| {
        call!("took it", SYS_pidfd_getfd, libc::STDIN_FILENO, 0, 0)
    }),
    attempt("signal-victim", "signal another process", |c| call!("may signal it", SYS_kill, c.victim_pid, 0))
        .at_start(),
    attempt("signal-victim-thread", "signal another process's thread, as abort() signals its own", |c| {
        call!("may signal it", SYS_tgkill, c.victim_pid, c.victim_pid, 0)
    }),
    attempt("limits-of-victim", "change another process's limits", |c| {
        // The limits that it has: where the wall is missing, nothing changes.
        let mut limits = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: reads into a value of the kernel's layout that outlives the call.
        let known = unsafe {
            libc::syscall(libc::SYS_prlimit64, c.victim_pid, libc::RLIMIT_CORE, 0, &raw mut limits)
        };
        if known < 0 {
            return Outcome::of_call(known, "");
        }
        call!("changed them", SYS_prlimit64, c.victim_pid, libc::RLIMIT_CORE, &raw const limits, 0)
    }),
    attempt("priority-of-victim", "change another process's priority", |c| {
        call!("changed it", SYS_setpriority, libc::PRIO_PROCESS, c.victim_pid, 0)
    }),
    attempt("outlive-launcher", "give up to die with the launcher", |_| {
        call!("outlives it", SYS_prctl, libc::PR_SET_PDEATHSIG, 0, 0, 0, 0)
    }),
    attempt("core-dumps", "ask for core dumps", |_| {
        call!("may dump", SYS_prctl, libc::PR_SET_DUMPABLE, 1, 0, 0, 0)
    }),
];

fn read(canaries: &Canaries, file: &str) -> Outcome {
    let text = File::open(format!("/proc/{}/{file}", canaries.victim_pid)).and_then(|mut file| {
        let mut bytes = [0; 64];
        file.read(&mut bytes)
    });
    Outcome::of(text, |length| format!("read {length} bytes"))
}

fn read_memory(canaries: &Canaries) -> Outcome {
    let mut bytes = [0u8; 8];
    let here = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // An address that the victim has if it is the same program; if not, EFAULT says that only the address was wrong.
    let there = libc::iovec { iov_base: read_memory as *mut libc::c_void, iov_len: bytes.len() };
    let (here, there) = (&raw const here, &raw const there);
    match call!("read it", SYS_process_vm_readv, canaries.victim_pid, here, 1, there, 1, 0) {
        Outcome::Refused(by) if by == "EFAULT" => Outcome::Did("may read it, at another address".to_owned()),
        outcome => outcome,
    }
}
