//! What the kernel counts for the jail's process. All of it outlives the exec, and the filters refuse to change it.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::Level;
use crate::limits::{ADDRESS_SPACE_FACTOR, OPEN_FILES_MAX, STACK_BYTES, THREADS_MAX, THREADS_MAX_SHARED_UID};
use crate::wire::Order;

/// Sets every limit of the order, and the constant ones.
pub(super) fn set(order: &Order) -> io::Result<()> {
    let limits = &order.limits;
    // Without a user namespace and without an id of its own, the jail's threads count with those of the worker's user.
    let own_id = order.level == Level::L1 || order.outer_id.is_some();
    let threads = if own_id { THREADS_MAX } else { THREADS_MAX_SHARED_UID };
    let fixed = [
        (Resource::Core, 0), // a dump would be written by the kernel, past every wall
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
        (Resource::Nofile, OPEN_FILES_MAX),
        (Resource::Stack, STACK_BYTES),
        (Resource::Nproc, threads),
        (Resource::Fsize, limits.file_bytes),
        (Resource::Data, limits.data_bytes),
        (Resource::As, limits.data_bytes.saturating_mul(ADDRESS_SPACE_FACTOR)),
    ];
    for (resource, most) in fixed {
        bound(resource, most, most)?;
    }
    // The first limit is a signal that pid 1 does not feel, the second one kills.
    bound(Resource::Cpu, limits.cpu_seconds, limits.cpu_seconds.saturating_add(1))
}

/// Never raises what is already bounded more tightly: that needs privileges, and somebody meant it.
fn bound(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let ceiling = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let limit = Rlimit { current: Some(soft.min(ceiling)), maximum: Some(hard.min(ceiling)) };
    Ok(setrlimit(resource, limit)?)
}
