//! Other processes of its own, other programs, and code that was not there at the start.

use std::ffi::CStr;
use std::io::{self, Write};
use std::ptr;

use super::attempt::{Act, Attempt};
use super::outcome::{Outcome, call};
use super::{Canaries, files};

const GROUP: &str = "programs";

/// One page, or a part of one where pages are larger.
const PAGE: usize = 4096;

const fn attempt(name: &'static str, what: &'static str, act: fn(&Canaries) -> Outcome) -> Attempt {
    Attempt::new(GROUP, name, what, Act::Call(act))
}

pub(super) const ATTEMPTS: &[Attempt] = &[
    #[cfg(target_arch = "x86_64")]
    attempt("fork", "make a process", |_| {
        // SAFETY: no arguments; the child ends at once.
        process(|| unsafe { libc::syscall(libc::SYS_fork) })
    }),
    #[cfg(target_arch = "x86_64")]
    attempt("vfork", "make a process by vfork", |_| vfork()),
    attempt("clone", "make a process by clone", |_| {
        // SAFETY: without a stack of its own the child has a copy of ours, and ends at once.
        process(|| unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) })
    })
    .at_start(),
    attempt("clone3", "make a process by clone3", |_| clone3()),
    attempt("exec-shell", "start the host's shell", |_| exec(c"/bin/sh")).at_start(),
    attempt("exec-itself", "start its own program again", |_| exec(c"/proc/self/exe")),
    attempt("exec-loader", "start the dynamic loader", |_| exec(LOADER)),
    attempt("exec-output", "start what it wrote into the output", |_| exec_output()),
    attempt("exec-memory", "make a file in memory, to start it", |_| {
        call!("made one", SYS_memfd_create, c"valet".as_ptr(), 0)
    }),
    attempt("exec-descriptor", "start a program by descriptor", |_| {
        call!("started it", SYS_execveat, libc::AT_FDCWD, c"/bin/sh".as_ptr(), 0, 0, 0)
    }),
    attempt("writable-code", "map memory that is writable and executable", |_| {
        let protection = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        map(protection).map_or_else(|refused| refused, |_| Outcome::Did("mapped it".to_owned()))
    })
    .at_start(),
    attempt("new-code", "make written memory executable", |_| new_code()),
    #[cfg(target_arch = "x86_64")]
    attempt("i386-calls", "call the kernel by its 32-bit interface, int 0x80", |_| i386()),
    #[cfg(target_arch = "x86_64")]
    attempt("x32-calls", "call the kernel by its x32 numbers", |_| {
        const X32: libc::c_long = 0x4000_0000;
        // SAFETY: getpid takes no arguments.
        Outcome::of_call(unsafe { libc::syscall(libc::SYS_getpid | X32) }, "x32 works")
    }),
];

/// The loader as the root holds it.
#[cfg(target_arch = "x86_64")]
const LOADER: &CStr = c"lib64/ld-linux-x86-64.so.2";
#[cfg(not(target_arch = "x86_64"))]
const LOADER: &CStr = c"lib/ld-linux-aarch64.so.1";

/// Makes a process; the child, should there be one, ends at once, and the parent tells.
fn process(make: impl FnOnce() -> libc::c_long) -> Outcome {
    let made = make();
    if made == 0 {
        // SAFETY: ends the process that should not exist.
        unsafe { libc::_exit(0) }
    }
    Outcome::of_call(made, "made a process")
}

/// By hand, since the child runs on its parent's stack: it must not return from anything.
#[cfg(target_arch = "x86_64")]
fn vfork() -> Outcome {
    let made: libc::c_long;
    // SAFETY: the child, if any, goes straight on to exit(2) and touches neither stack nor memory; the parent continues
    // behind it. The kernel changes rcx, r11 and the result alone.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor edi, edi",
            "mov eax, {exit}",
            "syscall",
            "2:",
            exit = const libc::SYS_exit,
            inlateout("rax") libc::SYS_vfork => made,
            out("rdi") _, out("rcx") _, out("r11") _,
        );
    }
    if made > 0 {
        Outcome::Did("made a process".to_owned())
    } else {
        Outcome::Refused(super::outcome::errno_name(-made as i32))
    }
}

fn clone3() -> Outcome {
    /// The first version of the kernel's `struct clone_args`.
    #[repr(C)]
    #[derive(Default)]
    struct Arguments {
        flags: u64,
        pidfd: u64,
        child_tid: u64,
        parent_tid: u64,
        exit_signal: u64,
        stack: u64,
        stack_size: u64,
        tls: u64,
    }
    let arguments = Arguments { exit_signal: libc::SIGCHLD as u64, ..Arguments::default() };
    // SAFETY: the kernel reads the arguments during the call; without a stack of its own the child has a copy of ours.
    process(|| unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of_val(&arguments)) })
}

/// Starts a program that would say so. It has no environment, like the codec.
fn exec(file: &CStr) -> Outcome {
    let words = [file.as_ptr(), c"-c".as_ptr(), c"echo did: runs a program".as_ptr(), ptr::null()];
    let environment = [ptr::null()];
    // SAFETY: a terminated name and two null-terminated arrays of terminated words, all alive during the call.
    let result = unsafe { libc::execve(file.as_ptr(), words.as_ptr(), environment.as_ptr()) };
    Outcome::of_call(result.into(), "runs a program")
}

fn exec_output() -> Outcome {
    let Ok(mut output) = files::output() else { return Outcome::Broken("no output file".to_owned()) };
    if let Err(error) = output.write_all(b"#!/bin/sh\necho did: runs its output\n") {
        return Outcome::Broken(format!("cannot write the output: {error}"));
    }
    drop(output);
    match exec(c"/output") {
        Outcome::Refused(by) if by == "ENOENT" => exec(c"/proc/self/fd/3"),
        outcome => outcome,
    }
}

/// One page of one's own.
fn map(protection: i32) -> Result<*mut u8, Outcome> {
    // SAFETY: asks for new memory; nothing that exists changes.
    let page = unsafe {
        libc::mmap(ptr::null_mut(), PAGE, protection, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
    };
    if page == libc::MAP_FAILED {
        Err(Outcome::refused(&io::Error::last_os_error()))
    } else {
        Ok(page.cast())
    }
}

fn new_code() -> Outcome {
    let page = match map(libc::PROT_READ | libc::PROT_WRITE) {
        Ok(page) => page,
        Err(_) => return Outcome::Broken("cannot map memory".to_owned()),
    };
    // SAFETY: the page is ours, new, and as long as said.
    unsafe { page.write(0xc3) };
    call!("made it executable", SYS_mprotect, page, PAGE, libc::PROT_READ | libc::PROT_EXEC)
}

#[cfg(target_arch = "x86_64")]
fn i386() -> Outcome {
    const GETPID_I386: i64 = 20;
    let result: i64;
    // SAFETY: getpid has no arguments; the interface may change r8 to r11 beside the result.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("rax") GETPID_I386 => result,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    if result > 0 {
        Outcome::Did("it works".to_owned())
    } else {
        Outcome::Refused(super::outcome::errno_name(-result as i32))
    }
}
