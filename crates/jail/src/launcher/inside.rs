//! The jail's own procedure: from the first instruction behind the clone to the codec's first.
//!
//! It runs in the jail's process, single-threaded, and never returns. Whatever fails ends it with exit 121 and the
//! step's name on the leash; nothing is ever started behind fewer walls than ordered.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::Mode;
use rustix::net::{RecvFlags, SendFlags};
use rustix::process::Signal;

use super::{EXIT_SETUP, Streams, capabilities, exec, landlock, mounts, rlimits};
use crate::seccomp::{self, Filters};
use crate::step::{At, Step};
use crate::wire::{Failure, Go, Order, Report, Task};
use crate::{Level, hostile, identity, scm};

/// What the launcher writes on the leash when ids are mapped and the worker can kill the jail.
pub(super) const GO: u8 = b'g';

/// Longest report of a failure on the leash.
const FAILURE_BYTES_MAX: usize = 256;

/// Lives the jail's life.
pub(super) fn live(
    order: &Order,
    control: &OwnedFd,
    streams: Streams,
    leash: OwnedFd,
    filters: &Filters,
) -> ! {
    let failure = match enter(order, control, streams, &leash, filters) {
        Ok(never) => match never {},
        Err(failure) => failure,
    };
    if let Ok(report) = serde_json::to_vec(&failure) {
        // The launcher may be gone, and then nobody waits for it.
        let _ = rustix::io::write(&leash, &report);
    }
    // SAFETY: ends the process at once and runs nothing of it. The usual exit would run the launcher's handlers twice.
    unsafe { libc::_exit(EXIT_SETUP) }
}

/// What the jail wrote on its leash before it died, if a step failed.
pub(super) fn failure(leash: &OwnedFd) -> Option<Failure> {
    let mut report = [0; FAILURE_BYTES_MAX];
    let length = rustix::io::retry_on_intr(|| rustix::io::read(leash, &mut report)).ok()?;
    serde_json::from_slice(&report[..length]).ok()
}

fn enter(
    order: &Order,
    control: &OwnedFd,
    streams: Streams,
    leash: &OwnedFd,
    filters: &Filters,
) -> Result<Infallible, Failure> {
    // 1. Not before ids are mapped and the worker holds our pidfd.
    held(leash).at(Step::Handover)?;
    die_with_launcher(leash).at(Step::ParentDeath)?;

    // 2. The root, while we still are who may walk to it: the worker's directories are closed to other ids.
    match order.level {
        Level::L1 => mounts::enter(order, streams.output.as_ref()).at(Step::Mounts)?,
        Level::L2 => std::env::set_current_dir(&order.root).at(Step::Root)?,
    }

    // 3. The way to more capabilities closes before the identity changes: at L2 the right to close it goes with root.
    capabilities::close_bounds(order.level).at(Step::CapabilityBounds)?;
    match (order.level, order.outer_id) {
        (Level::L1, _) => identity::become_inner().at(Step::Identity)?,
        (Level::L2, Some(id)) => identity::become_id(id).at(Step::Identity)?,
        (Level::L2, None) => {}
    }
    die_with_launcher(leash).at(Step::ParentDeath)?; // the kernel forgets it when ids change

    // 4. Bounds. Threads are counted per id, so this comes after the identity.
    surroundings(order.level).at(Step::Surroundings)?;
    rlimits::set(order).at(Step::Rlimits)?;

    // 5. Privileges go for good. Nothing above could be done without them, nothing below needs them.
    capabilities::drop_all().at(Step::Capabilities)?;
    rustix::thread::set_no_new_privs(true).at(Step::NoNewPrivileges)?;
    exec::refuse_new_code().at(Step::Mdwe)?;

    // 6. Standard streams to their places. From here on, what outlives the exec is 0, 1, 2, and the output at L2.
    let Streams { stdout, stderr, output } = streams;
    rustix::stdio::dup2_stdout(&stdout).at(Step::Descriptors)?;
    rustix::stdio::dup2_stderr(&stderr).at(Step::Descriptors)?;
    drop((stdout, stderr));

    // 7. Landlock after the mounts, which it forbids, and after no_new_privs, without which it is refused.
    landlock::restrict(&order.task, output.as_ref()).at(Step::Landlock)?;
    let first_closed = exec::place_output(output, order.level).at(Step::Descriptors)?;

    // 8. What the codec's start needs is made before the filters stand: its file name's address is in one of them.
    let program = exec::Program::of(&order.task).at(Step::Exec)?;
    let file = program.as_ref().map_or(ptr::null(), exec::Program::file);

    // 9. The notify filter alone: its descriptor must leave by sendmsg(2), which the strict filters refuse. And the
    //    worker serves the door before the codec can knock.
    let notify = seccomp::install_notify().at(Step::SeccompNotify)?;
    scm::send(control, &Report::Ready, &[notify.as_fd()], SendFlags::empty()).at(Step::Ready)?;
    drop(notify);
    allowed(control).at(Step::Ready)?;

    // 10. The strict filters, then the codec. In between only what the allow list admits.
    let pid = rustix::process::getpid().as_raw_pid();
    seccomp::install_strict(filters, pid, file).at(Step::SeccompStrict)?;
    match (program, &order.task) {
        (Some(program), _) => Err(program.start()).at(Step::Exec),
        (None, Task::Attempt { name, canaries }) => {
            exec::close_from(first_closed);
            hostile::run(name, canaries)
        }
        (None, Task::Exec { .. }) => Err(io::Error::from_raw_os_error(libc::EINVAL)).at(Step::Exec),
    }
}

/// Waits until the launcher lets us go.
fn held(leash: &OwnedFd) -> io::Result<()> {
    let mut word = [0];
    let length = rustix::io::retry_on_intr(|| rustix::io::read(leash, &mut word))?;
    if (length, word) == (1, [GO]) { Ok(()) } else { Err(gone()) }
}

/// Waits until the worker lets us go.
fn allowed(control: &OwnedFd) -> io::Result<()> {
    scm::receive::<Go>(control, RecvFlags::empty())?.map(|_| ()).ok_or_else(gone)
}

/// Has this process killed when the launcher dies, and makes sure that it has not died already. The parent's id would
/// not tell: seen from inside a pid namespace it is always 0.
fn die_with_launcher(leash: &OwnedFd) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut descriptors = [PollFd::new(leash, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let hung_up = rustix::io::retry_on_intr(|| poll(&mut descriptors, Some(&now)))? > 0;
    if hung_up { Err(gone()) } else { Ok(()) }
}

fn gone() -> io::Error {
    io::Error::from_raw_os_error(libc::ESRCH)
}

/// No name of the machine, private files, and signals as a new program expects them: an exec keeps what the zygote
/// ignores, and what it blocks.
///
/// The session is the zygote's, which has no terminal: a new one would give each jail a share of the processor as large
/// as the whole worker's, where the kernel groups by session.
fn surroundings(level: Level) -> io::Result<()> {
    if level == Level::L1 {
        rustix::system::sethostname(b"jail")?;
    }
    rustix::process::umask(Mode::from_raw_mode(0o077));
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: the default disposition runs no code of ours. KILL, STOP and libc's own refuse to be set: fine.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: an all-zero set is a value, and is made a proper empty one before its use; the call only reads it.
    let unblocked = unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut())
    };
    if unblocked < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
