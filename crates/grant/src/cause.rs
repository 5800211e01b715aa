//! Why a finding fired, where callers act on the difference. Never shown; people read messages.

/// Why a finding fired, as far as a caller acts differently on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Nothing that needs its own treatment.
    Other,
    /// The grant has died: minting anew helps.
    Expired,
    /// The grant dies before the job could end.
    TooShort,
    /// The rights are not those of the role.
    Rights,
}
