//! The zygote: a small single-threaded process that makes a launcher for each order, and does nothing else.
//!
//! It is exec'ed by the worker before the worker reads a secret, without environment; it never reads one itself. It
//! stays outside the worker's own Landlock domain, in which no jail could be built.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::ExitCode;

use rustix::fs::{Mode, OFlags};
use rustix::net::{RecvFlags, SendFlags};
use rustix::process::{Pid, Resource, Rlimit};

use crate::launcher::{self, Streams};
use crate::seccomp::Filters;
use crate::step::{At, Step};
use crate::wire::{Failure, Order, Report};
use crate::{OUTPUT_DESCRIPTOR, identity, scm};

/// Exit code of a zygote that somebody else than a worker started.
const EXIT_USAGE: u8 = 64;

/// Signals that a terminal or a service manager sends to all processes of the worker. The worker decides what they
/// mean, and takes the zygote along when it ends.
const WORKERS_SIGNALS: [i32; 5] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1];

/// The whole life of a zygote. `main` must call it, before anything else, when the first argument is
/// [`crate::ZYGOTE_WORD`].
pub fn zygote_main() -> ExitCode {
    let Ok(socket) = take_socket() else {
        eprintln!("valet-jail: this is the jailer's process; the worker starts it by itself");
        return ExitCode::from(EXIT_USAGE);
    };
    let prepared = prepare(&socket);
    let hello = match &prepared {
        Ok(_) => Report::Hello,
        Err(failure) => Report::Failed(failure.clone()),
    };
    let told = scm::send(&socket, &hello, &[], SendFlags::empty());
    match (prepared, told) {
        (Ok(filters), Ok(())) => serve(socket, &filters),
        _ => ExitCode::FAILURE,
    }
}

/// Closes whatever the worker was given by whoever started it, and moves the socket away from stdin.
fn take_socket() -> io::Result<OwnedFd> {
    let stdin = io::stdin();
    rustix::net::sockopt::socket_peercred(&stdin)?;
    // SAFETY: nothing in this process owns a descriptor above stderr yet.
    if unsafe { libc::syscall(libc::SYS_close_range, OUTPUT_DESCRIPTOR, u32::MAX, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // The lowest free number is the output's place in a jail; a descriptor that stays open reserves it.
    let nothing = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    if nothing.as_raw_fd() != OUTPUT_DESCRIPTOR {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let socket = rustix::io::fcntl_dupfd_cloexec(&stdin, OUTPUT_DESCRIPTOR + 1)?;
    rustix::stdio::dup2_stdin(&nothing)?;
    std::mem::forget(nothing);
    Ok(socket)
}

/// Everything that has to be done once.
fn prepare(socket: &OwnedFd) -> Result<Filters, Failure> {
    let worker = rustix::net::sockopt::socket_peercred(socket).at(Step::Zygote)?.pid;
    identity::die_with(worker).at(Step::Zygote)?;
    rustix::thread::set_name(c"valet-zygote").at(Step::Zygote)?; // it was started as /proc/self/exe
    rustix::process::setsid().at(Step::Zygote)?; // no terminal, and none of its signals
    ignore(&WORKERS_SIGNALS).at(Step::Zygote)?;
    ignore(&[libc::SIGCHLD]).at(Step::Zygote)?; // the kernel reaps the launchers
    identity::set_dumpable(false).at(Step::Zygote)?;
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .at(Step::Zygote)?;
    rustix::thread::set_no_new_privs(true).at(Step::Zygote)?;
    Filters::compile().map_err(io::Error::other).at(Step::SeccompCompile)
}

fn ignore(signals: &[i32]) -> io::Result<()> {
    for signal in signals {
        // SAFETY: an ignored signal runs no code of ours.
        if unsafe { libc::signal(*signal, libc::SIG_IGN) } == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Takes orders until the worker is gone.
fn serve(socket: OwnedFd, filters: &Filters) -> ExitCode {
    let zygote = rustix::process::getpid();
    loop {
        match scm::receive(&socket, RecvFlags::empty()) {
            Ok(Some((order, descriptors))) => match fork() {
                Ok(None) => {
                    drop(socket); // a launcher must not keep the zygote's death from being seen
                    begin(&order, descriptors, filters, zygote)
                }
                Ok(Some(_)) => {}
                Err(cause) => refuse(descriptors, cause),
            },
            // No order at all, and no fault of the socket. Its descriptors are closed, which the worker sees.
            Err(error) if error.raw_os_error().is_none() => {}
            Ok(None) => return ExitCode::SUCCESS,
            Err(_) => return ExitCode::FAILURE,
        }
    }
}

/// The launcher begins.
fn begin(order: &Order, descriptors: Vec<OwnedFd>, filters: &Filters, zygote: Pid) -> ! {
    let mut descriptors = descriptors.into_iter();
    match (descriptors.next(), descriptors.next(), descriptors.next(), descriptors.next()) {
        (Some(control), Some(stdout), Some(stderr), output) if output.is_some() == order.output.is_some() => {
            launcher::launch(order, &control, Streams { stdout, stderr, output }, filters, zygote)
        }
        _ => std::process::exit(i32::from(EXIT_USAGE)),
    }
}

fn refuse(descriptors: Vec<OwnedFd>, cause: io::Error) {
    let Some(control) = descriptors.first() else { return };
    if let Err(failure) = Err::<(), _>(cause).at(Step::Fork) {
        // A worker that is gone needs no answer.
        let _ = scm::send(control, &Report::Failed(failure), &[], SendFlags::empty());
    }
}

/// A copy of this process; none in the copy.
fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: the process is single-threaded, so that its copy may do whatever this one may.
    match unsafe { libc::fork() } {
        0 => Ok(None),
        pid => Pid::from_raw(pid).filter(|_| pid > 0).map(Some).ok_or_else(io::Error::last_os_error),
    }
}
