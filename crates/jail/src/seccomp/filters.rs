//! Lists become BPF programs, once, in the zygote: a job then only installs them.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use super::entry::{Arch, Check, Compare, Entry};
use super::{ALLOWED, KILLED};

/// The two large filters, ready to install.
#[derive(Debug, Clone)]
pub struct Filters {
    pub(super) allow: BpfProgram,
    pub(super) kill: BpfProgram,
}

impl Filters {
    /// Both filters for the machine that this runs on.
    ///
    /// # Errors
    /// A list names a call that the architecture has not, or is too long. Tests exclude both.
    pub fn compile() -> Result<Self, FilterError> {
        Self::compile_for(Arch::HOST)
    }

    /// Both filters for `arch`.
    ///
    /// # Errors
    /// As [`Self::compile`].
    pub fn compile_for(arch: Arch) -> Result<Self, FilterError> {
        let missing = SeccompAction::Errno(libc::ENOSYS as u32);
        Ok(Self {
            allow: program(ALLOWED, arch, missing, SeccompAction::Allow)?,
            kill: program(KILLED, arch, SeccompAction::Allow, SeccompAction::KillProcess)?,
        })
    }

    /// Instructions of the allow list and of the kill list.
    #[must_use]
    pub fn instructions(&self) -> (usize, usize) {
        (self.allow.len(), self.kill.len())
    }
}

/// A list could not become a filter.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// A call that the architecture has not.
    #[error("system call {name} does not exist on {arch:?}")]
    Unknown {
        /// Its name in the list.
        name: &'static str,
        /// The architecture.
        arch: Arch,
    },
    /// Too long, or a condition that BPF cannot express.
    #[error("the list does not fit a filter")]
    Compile(#[source] seccompiler::Error),
}

fn program(
    list: &[Entry],
    arch: Arch,
    otherwise: SeccompAction,
    listed: SeccompAction,
) -> Result<BpfProgram, FilterError> {
    let mut rules = BTreeMap::new();
    for entry in list.iter().filter(|entry| entry.on.has(arch)) {
        let number = arch.number(entry.name).ok_or(FilterError::Unknown { name: entry.name, arch })?;
        rules.insert(number, conditions(entry).map_err(FilterError::backend)?);
    }
    let target = match arch {
        Arch::X86_64 => TargetArch::x86_64,
        Arch::Aarch64 => TargetArch::aarch64,
    };
    let filter = SeccompFilter::new(rules, otherwise, listed, target).map_err(FilterError::backend)?;
    filter.try_into().map_err(FilterError::backend)
}

impl FilterError {
    fn backend(cause: seccompiler::BackendError) -> Self {
        Self::Compile(cause.into())
    }
}

fn conditions(entry: &Entry) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let any_of = entry.when.map_or(&[][..], |when| when.any_of);
    any_of.iter().map(|all| SeccompRule::new(all.iter().map(condition).collect::<Result<_, _>>()?)).collect()
}

fn condition(check: &Check) -> Result<SeccompCondition, seccompiler::BackendError> {
    let (width, compare, value) = match check.compare {
        Compare::Int(value) => (SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(value)),
        Compare::Bits { mask, value } => {
            (SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(u64::from(mask)), u64::from(value))
        }
        Compare::Null => (SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0),
    };
    SeccompCondition::new(check.argument, width, compare, value)
}
