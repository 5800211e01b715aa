//! The worker's own walls: what it may read, write and connect to. Nothing may be executed, by anyone, ever again.
//!
//! For the day on which a bug lets a partner's bytes take the worker over. Landlock binds the calling thread and what
//! it starts later, so this comes before the runtime's threads; and after the zygote, which must stay outside, since a
//! domain forbids the mounts that make a jail. Signals are not scoped: the worker kills jails, which lie outside.

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

/// The newest version of Landlock whose rights this list has been read for.
const NEWEST: u32 = 7;

/// What the worker may still do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confinement {
    /// Files and directories that it may read. What does not exist is left out: not every machine has every file.
    pub read: Vec<PathBuf>,
    /// Directories that it may read and change. Each must exist.
    pub write: Vec<PathBuf>,
    /// Directories that it may list and remove entries from, and no more: where its own directory is, and ends.
    pub remove: Vec<PathBuf>,
    /// TCP ports that it may connect to; none: any. No port may be bound where this is given.
    pub tcp_ports: Option<Vec<u16>>,
}

/// What the kernel enforces of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confined {
    /// The kernel's version of Landlock; 0: it has none, and nothing but no_new_privs is enforced.
    pub abi: u32,
    /// Whether reading, writing and executing files is confined.
    pub files: bool,
    /// Whether TCP ports are confined, if any were given (version 4, Linux 6.7).
    pub tcp: bool,
    /// Whether abstract unix sockets of others are out of reach (version 6, Linux 6.12).
    pub abstract_sockets: bool,
}

/// The worker could not be confined.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// The kernel refused no_new_privs.
    #[error("cannot give up new privileges")]
    NoNewPrivileges(#[source] io::Error),
    /// A directory to write in cannot be opened.
    #[error("cannot confine the worker to {path}", path = path.display())]
    Path {
        /// The directory.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: landlock::PathFdError,
    },
    /// The kernel knows Landlock and refuses these rules.
    #[error("the kernel refuses the worker's Landlock rules")]
    Rules(#[source] RulesetError),
    /// The kernel took the rules and enforces only a part.
    #[error("the kernel enforces only a part of the worker's Landlock rules")]
    Partial,
}

impl ConfineError {
    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NoNewPrivileges(_) => "use Linux 3.5 or newer, without a filter that forbids prctl(2)",
            Self::Path { .. } => "make the directory, and let the worker's user own it",
            Self::Rules(_) | Self::Partial => {
                "start the worker under fewer sandboxes (the kernel stacks 16 at most), or without a seccomp profile that \
                 forbids the landlock system calls"
            }
        }
    }
}

/// Confines the calling thread and every thread that it starts later, for good.
///
/// As much as the kernel knows is demanded, and that much is enforced in full, or this fails. A kernel without Landlock
/// is no error: the answer says so, and the caller decides.
///
/// # Errors
/// A directory to write in cannot be opened, or the kernel refuses.
pub fn confine(confinement: &Confinement) -> Result<Confined, ConfineError> {
    rustix::thread::set_no_new_privs(true).map_err(|cause| ConfineError::NoNewPrivileges(cause.into()))?;
    let version = kernel_version();
    let Some(abi) = abi(version) else {
        return Ok(Confined { abi: 0, files: false, tcp: false, abstract_sockets: false });
    };
    let tcp = abi >= ABI::V4 && confinement.tcp_ports.is_some();
    let abstract_sockets = abi >= ABI::V6;
    let rules = ruleset(abi, tcp, abstract_sockets).map_err(ConfineError::Rules)?;
    let rules = files(rules, abi, confinement)?;
    let rules =
        ports(rules, confinement.tcp_ports.as_deref().filter(|_| tcp)).map_err(ConfineError::Rules)?;
    let status = rules.restrict_self().map_err(ConfineError::Rules)?;
    if status.ruleset != RulesetStatus::FullyEnforced {
        return Err(ConfineError::Partial);
    }
    Ok(Confined { abi: version, files: true, tcp, abstract_sockets })
}

/// What is governed, and thus refused unless a rule grants it.
fn ruleset(abi: ABI, tcp: bool, abstract_sockets: bool) -> Result<RulesetCreated, RulesetError> {
    let mut rules = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    rules = rules.handle_access(AccessFs::from_all(abi))?;
    if tcp {
        rules = rules.handle_access(AccessNet::from_all(abi))?;
    }
    if abstract_sockets {
        rules = rules.scope(Scope::AbstractUnixSocket)?;
    }
    rules.create()
}

fn files(
    mut rules: RulesetCreated,
    abi: ABI,
    confinement: &Confinement,
) -> Result<RulesetCreated, ConfineError> {
    let read = AccessFs::from_read(abi) & !AccessFs::Execute;
    for path in &confinement.read {
        // A file that is not there, or that we may not even name, cannot be read either.
        if let Ok(opened) = PathFd::new(path) {
            rules = grant(rules, opened, path, read)?;
        }
    }
    // No devices, no sockets, no pipes: the worker makes plain files and directories. Executing is nobody's right.
    let special = AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::MakeSock | AccessFs::MakeFifo;
    let write = AccessFs::from_all(abi) & !(special | AccessFs::IoctlDev | AccessFs::Execute);
    for path in &confinement.write {
        let opened = PathFd::new(path).map_err(|cause| ConfineError::Path { path: path.clone(), cause })?;
        rules = grant(rules, opened, path, write)?;
    }
    let remove = AccessFs::ReadDir | AccessFs::RemoveDir | AccessFs::RemoveFile;
    for path in &confinement.remove {
        let opened = PathFd::new(path).map_err(|cause| ConfineError::Path { path: path.clone(), cause })?;
        rules = grant(rules, opened, path, remove)?;
    }
    Ok(rules)
}

/// A rule on a file may only have rights that files have.
fn grant(
    rules: RulesetCreated,
    opened: PathFd,
    path: &Path,
    rights: BitFlags<AccessFs>,
) -> Result<RulesetCreated, ConfineError> {
    let of_files = AccessFs::from_file(ABI::V7);
    let rights = if path.is_dir() { rights } else { rights & of_files };
    rules.add_rule(PathBeneath::new(opened, rights)).map_err(ConfineError::Rules)
}

fn ports(mut rules: RulesetCreated, ports: Option<&[u16]>) -> Result<RulesetCreated, RulesetError> {
    for port in ports.into_iter().flatten() {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    Ok(rules)
}

/// The kernel's version of Landlock; 0 where it has none, or where it was not turned on.
fn kernel_version() -> u32 {
    const VERSION: libc::c_ulong = 1;
    // SAFETY: with this flag the call takes no attributes and only answers with a number.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION) };
    u32::try_from(version).unwrap_or(0)
}

/// What both this kernel and this list know.
fn abi(version: u32) -> Option<ABI> {
    Some(match version.min(NEWEST) {
        0 => return None,
        1 => ABI::V1,
        2 => ABI::V2,
        3 => ABI::V3,
        4 => ABI::V4,
        5 => ABI::V5,
        6 => ABI::V6,
        _ => ABI::V7,
    })
}
