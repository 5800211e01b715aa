//! The launcher: one process per jail. It makes the jail's first process, tells the worker of it, and stays outside
//! until the jail is dead, to kill it when the worker is gone and to say how it ended.
//!
//! Forked from the zygote and single-threaded; it must never see a grant, a login or an environment. It execs nothing.

mod capabilities;
mod clone;
mod exec;
mod inside;
mod landlock;
mod mounts;
mod rlimits;
mod watch;

use std::os::fd::{AsFd, OwnedFd};

use rustix::net::SendFlags;
use rustix::process::Pid;

use crate::seccomp::Filters;
use crate::step::{At, Step};
use crate::wire::{Failure, Order, Report};
use crate::{Level, identity, scm};

/// A launcher, or a jail, in which a step did not work.
const EXIT_SETUP: i32 = 121;

/// The descriptors of an order that are the jail's alone.
pub(crate) struct Streams {
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    pub(crate) output: Option<OwnedFd>,
}

/// Makes the jail that `order` describes and ends with it.
pub(crate) fn launch(
    order: &Order,
    control: &OwnedFd,
    streams: Streams,
    filters: &Filters,
    zygote: Pid,
) -> ! {
    let (report, code) = match make(order, control, streams, filters, zygote) {
        Ok(report) => (report, 0),
        Err(failure) => (Report::Failed(failure), EXIT_SETUP),
    };
    // Nobody to tell when the worker is gone; the jail is dead in any case.
    let _ = scm::send(control, &report, &[], SendFlags::empty());
    std::process::exit(code)
}

/// The launcher's procedure. Every return, of whatever kind, means that the jail is dead.
fn make(
    order: &Order,
    control: &OwnedFd,
    streams: Streams,
    filters: &Filters,
    zygote: Pid,
) -> Result<Report, Failure> {
    // 1. Die with the zygote, and count children again, which the zygote does not.
    rustix::thread::set_name(c"valet-launcher").at(Step::Tie)?;
    identity::die_with(zygote).at(Step::Tie)?;
    watch::count_children().at(Step::Tie)?;

    // 2. While still root: nothing of root's groups goes along, and the output file becomes the jail's.
    if let Some(id) = order.outer_id {
        identity::leave_groups().at(Step::Identity)?;
        identity::give(streams.output.as_ref(), id).at(Step::OutputOwner)?;
    }

    // 3. The jail's first process, held until it is let go. The leash tells either end of the other's death. Without
    //    dumpable, /proc/<pid>/uid_map would belong to root; nothing secret is in this memory.
    let (leash, leash_inside) = leash().at(Step::Clone)?;
    identity::set_dumpable(true).at(Step::Clone)?;
    let clone_step = if order.level == Level::L1 { Step::CloneNamespaces } else { Step::Clone };
    let Some(child) = clone::clone(order.level).at(clone_step)? else {
        drop(leash);
        inside::live(order, control, streams, leash_inside, filters)
    };
    drop((streams, leash_inside)); // else the worker would read no end of them before ours

    // 4. One id inside, one outside. From outside, because a jail may not map what it does not own.
    if order.level == Level::L1 {
        identity::map(child.pid, order.outer_id).at(Step::UidMap)?;
    }

    // 5. The launcher needs root for nothing more. It takes the jail's id, so that it may still kill it.
    if let Some(id) = order.outer_id {
        identity::become_id(id).at(Step::LauncherIdentity)?;
        identity::die_with(zygote).at(Step::LauncherIdentity)?; // the kernel forgets it when ids change
    }
    identity::set_dumpable(false).at(Step::LauncherIdentity)?;

    // 6. Tell the worker first, so that it can kill what is about to live.
    scm::send(control, &Report::Child, &[child.process.as_fd()], SendFlags::empty()).at(Step::Handover)?;
    rustix::io::write(&leash, &[inside::GO]).at(Step::Handover)?;

    // 7. Until the jail is dead.
    let ended = watch::until_dead(&child, control).at(Step::Handover)?;
    match inside::failure(&leash) {
        Some(failure) => Err(failure),
        None => Ok(ended),
    }
}

/// Two ends of a stream between launcher and jail; neither survives an exec.
fn leash() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
}
