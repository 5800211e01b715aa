//! Landlock around the codec, at both levels the same: it reads files beneath its root, executes one, writes one.
//!
//! As much as the kernel knows is demanded, and that much must be enforced in full; a kernel without Landlock is an
//! error. Handled and never granted: directories, devices, TCP, and signals or abstract sockets to the outside.

use std::error::Error;
use std::io;
use std::os::fd::OwnedFd;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};

use crate::wire::Task;

/// From here on the codec reaches what `task` and `output` name, with the working directory at the root.
pub(super) fn restrict(task: &Task, output: Option<&OwnedFd>) -> io::Result<()> {
    let abi = known_abi()?;
    let status = ruleset(abi, task, output).map_err(|error| reason(error.as_ref()))?;
    let whole = status.ruleset == RulesetStatus::FullyEnforced && status.no_new_privs;
    if whole { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)) }
}

fn ruleset(
    abi: ABI,
    task: &Task,
    output: Option<&OwnedFd>,
) -> Result<landlock::RestrictionStatus, Box<dyn Error + Send + Sync>> {
    let files = AccessFs::from_all(abi);
    let mut rules =
        Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(files)?;
    if abi >= ABI::V4 {
        rules = rules.handle_access(AccessNet::from_all(abi))?;
    }
    if abi >= ABI::V6 {
        rules = rules.scope(Scope::from_all(abi))?;
    }
    let mut rules = rules.create()?.add_rule(PathBeneath::new(PathFd::new(".")?, AccessFs::ReadFile))?;
    if let Task::Exec { file, .. } = task {
        let run = AccessFs::ReadFile | AccessFs::Execute;
        rules = rules.add_rule(PathBeneath::new(PathFd::new(file)?, run))?;
    }
    if let Some(output) = output {
        // A rule on the file itself: it holds wherever the file is bound, and without any name.
        let write: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
        rules = rules.add_rule(PathBeneath::new(output, write & files))?;
    }
    Ok(rules.restrict_self()?)
}

/// What both this kernel and this crate know: the most that can be demanded in full.
fn known_abi() -> io::Result<ABI> {
    const VERSION: libc::c_ulong = 1;
    // SAFETY: with this flag the call takes no attributes and only answers with a number.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION) };
    match version {
        ..0 => Err(io::Error::last_os_error()),
        0 => Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)),
        1 => Ok(ABI::V1),
        2 => Ok(ABI::V2),
        3 => Ok(ABI::V3),
        4 => Ok(ABI::V4),
        5 => Ok(ABI::V5),
        6 => Ok(ABI::V6),
        7.. => Ok(ABI::V7),
    }
}

/// The kernel's number somewhere in the chain, else "not supported".
fn reason(error: &(dyn Error + 'static)) -> io::Error {
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(number) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return io::Error::from_raw_os_error(number);
        }
        link = error.source();
    }
    io::Error::from_raw_os_error(libc::EOPNOTSUPP)
}
