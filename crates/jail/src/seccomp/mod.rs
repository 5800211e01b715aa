//! Which system calls the codec may make, as data, and the four filters made of it.
//!
//! Installed in this order, each on top of the earlier ones (the most severe verdict wins):
//! *notify* (`socket()` goes to the worker, `connect()` is reported done), *per job* (signals and exec of this one
//! process), *allow list* (everything else is `ENOSYS`), *kill list* (what no codec ever needs is an alarm).
//! Another architecture's calls (`int 0x80`) are killed by each of them; x32's numbers are on no list.
//!
//! Must never admit a call because a list was copied from elsewhere: each entry has its reason.

mod allowed;
mod bpf;
mod entry;
mod filters;
mod install;
mod killed;
#[cfg(test)]
mod tests;

pub use allowed::ALLOWED;
pub use entry::{Arch, Check, Compare, Entry, On, When};
pub use filters::{FilterError, Filters};
pub(crate) use install::{install_notify, install_strict};
pub use killed::KILLED;

/// Calls that are on both lists on purpose, and why that is no contradiction.
pub const ON_BOTH: &[(&str, &str)] = &[
    ("clone", "admitted for threads; without CLONE_THREAD it kills"),
    ("seccomp", "admitted only so that the kill list can be installed on top, which then kills it"),
];

/// The whole policy, for documents and for `valet-worker prove`.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// What the codec may call; everything else is `ENOSYS`.
    pub allowed: &'static [Entry],
    /// What kills it.
    pub killed: &'static [Entry],
    /// Calls on both lists, each with the reason.
    pub on_both: &'static [(&'static str, &'static str)],
}

/// The whole policy.
#[must_use]
pub fn policy() -> Policy {
    Policy { allowed: ALLOWED, killed: KILLED, on_both: ON_BOTH }
}
