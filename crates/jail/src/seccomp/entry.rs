//! One line of a list: a system call, the architectures that have it, its condition, and why it is there.

use std::str::FromStr;

/// A processor architecture that has filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    /// 64-bit x86.
    X86_64,
    /// 64-bit ARM.
    Aarch64,
}

impl Arch {
    /// Every architecture that has filters.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// The one that this program was built for.
    pub const HOST: Self = if cfg!(target_arch = "aarch64") { Self::Aarch64 } else { Self::X86_64 };

    /// The number of a call, by the name that x86-64 gives it.
    #[must_use]
    pub fn number(self, name: &str) -> Option<i64> {
        match self {
            Self::X86_64 => syscalls::x86_64::Sysno::from_str(name).ok().map(|number| i64::from(number.id())),
            Self::Aarch64 => {
                // One call has two names: the kernel's table for ARM leaves out the "new".
                let name = if name == "newfstatat" { "fstatat" } else { name };
                syscalls::aarch64::Sysno::from_str(name).ok().map(|number| i64::from(number.id()))
            }
        }
    }

    /// What the kernel calls it in a filter's data (`AUDIT_ARCH_*`).
    #[must_use]
    pub(super) fn audit(self) -> u32 {
        match self {
            Self::X86_64 => 0xC000_003E,
            Self::Aarch64 => 0xC000_00B7,
        }
    }
}

/// Which architectures have a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// Both.
    Both,
    /// x86-64 alone: a call that ARM never had, mostly an old form of a newer one.
    X86_64,
}

impl On {
    /// Whether `arch` has it.
    #[must_use]
    pub fn has(self, arch: Arch) -> bool {
        self == Self::Both || arch == Arch::X86_64
    }
}

/// How an argument must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// The lower 32 bits are this: for arguments that the kernel takes as an `int`.
    Int(u32),
    /// Of the lower 32 bits, those in `mask` are `value`.
    Bits {
        /// The bits looked at.
        mask: u32,
        /// What they must be.
        value: u32,
    },
    /// All 64 bits are zero: a null pointer.
    Null,
}

/// A condition on one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Which argument, from 0.
    pub argument: u8,
    /// How it must look.
    pub compare: Compare,
}

/// When an entry applies: any of these conditions, each of them whole.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// For people.
    pub text: &'static str,
    /// The conditions.
    pub any_of: &'static [&'static [Check]],
}

/// One system call of a list.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The call's name on x86-64.
    pub name: &'static str,
    /// Why it is on the list.
    pub reason: &'static str,
    /// Where it exists.
    pub on: On,
    /// Its condition; none: always.
    pub when: Option<When>,
}

/// An entry for both architectures, without condition.
pub(super) const fn entry(name: &'static str, reason: &'static str) -> Entry {
    Entry { name, reason, on: On::Both, when: None }
}

impl Entry {
    /// The same for x86-64 alone.
    pub(super) const fn x86(self) -> Self {
        Self { on: On::X86_64, ..self }
    }

    /// The same under a condition.
    pub(super) const fn when(self, text: &'static str, any_of: &'static [&'static [Check]]) -> Self {
        Self { when: Some(When { text, any_of }), ..self }
    }
}

/// The argument as an `int` is `value`.
pub(super) const fn int(argument: u8, value: u32) -> Check {
    Check { argument, compare: Compare::Int(value) }
}

/// The argument's bits in `mask` are `value`.
pub(super) const fn bits(argument: u8, mask: u32, value: u32) -> Check {
    Check { argument, compare: Compare::Bits { mask, value } }
}

/// The argument is a null pointer.
pub(super) const fn null(argument: u8) -> Check {
    Check { argument, compare: Compare::Null }
}
