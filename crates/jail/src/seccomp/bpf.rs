//! The two small filters that seccompiler cannot express, by hand: user notification, and a different errno per call.
//!
//! Both admit what they do not name: the allow list decides about the rest.

use seccompiler::sock_filter;

use super::entry::Arch;

/// `BPF_LD | BPF_W | BPF_ABS`, `BPF_JMP | BPF_JEQ | BPF_K`, `BPF_RET | BPF_K`.
const LOAD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// Offsets in `struct seccomp_data`: the call's number, the architecture, and the halves of the first argument (both
/// architectures are little-endian).
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const FIRST_LOW: u32 = 16;
const FIRST_HIGH: u32 = 20;

/// Verdicts.
const ALLOW: u32 = 0x7fff_0000;
const KILL_PROCESS: u32 = 0x8000_0000;
const NOTIFY: u32 = 0x7fc0_0000;
const ERRNO: u32 = 0x0005_0000;

const fn load(offset: u32) -> sock_filter {
    sock_filter { code: LOAD, jt: 0, jf: 0, k: offset }
}

/// Skips `then` instructions if the loaded word is `value`, else `otherwise`.
const fn equal(value: u32, then: u8, otherwise: u8) -> sock_filter {
    sock_filter { code: JUMP_EQUAL, jt: then, jf: otherwise, k: value }
}

const fn verdict(value: u32) -> sock_filter {
    sock_filter { code: RETURN, jt: 0, jf: 0, k: value }
}

/// A call's number for BPF. A name that `arch` has not becomes a number that no call has.
fn number(arch: Arch, name: &str) -> u32 {
    arch.number(name).and_then(|number| u32::try_from(number).ok()).unwrap_or(u32::MAX)
}

/// `socket()` waits for the worker's answer; `connect()` succeeds without being executed: errno 0.
pub(super) fn notify(arch: Arch) -> [sock_filter; 9] {
    [
        load(ARCH),
        equal(arch.audit(), 1, 0),
        verdict(KILL_PROCESS),
        load(NUMBER),
        equal(number(arch, "socket"), 0, 1),
        verdict(NOTIFY),
        equal(number(arch, "connect"), 0, 1),
        verdict(ERRNO),
        verdict(ALLOW),
    ]
}

/// `tgkill()` of another process is `EPERM`; `execve()` of another file name (by address) is `ENOSYS`.
///
/// The address is a speed bump alone: Landlock decides what may be executed.
pub(super) fn per_job(arch: Arch, pid: i32, file: u64) -> [sock_filter; 15] {
    [
        load(ARCH),
        equal(arch.audit(), 1, 0),
        verdict(KILL_PROCESS),
        load(NUMBER),
        equal(number(arch, "tgkill"), 0, 3),
        load(FIRST_LOW),
        // The same 32 bits, whatever the sign.
        equal(pid as u32, 7, 0),
        verdict(ERRNO | libc::EPERM as u32),
        equal(number(arch, "execve"), 0, 5),
        load(FIRST_LOW),
        equal(file as u32, 0, 2),
        load(FIRST_HIGH),
        equal((file >> 32) as u32, 1, 0),
        verdict(ERRNO | libc::ENOSYS as u32),
        verdict(ALLOW),
    ]
}
