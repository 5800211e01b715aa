//! Rights: the letters of `sp`, as a set. Never decides whether a right is proper for a role; the rules do that.

use std::fmt;

use serde::{Serialize, Serializer};

/// One right that a SAS can carry, in the order in which Azure wants the letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// `r`: read content, properties, metadata, block list.
    Read,
    /// `a`: append a block.
    Add,
    /// `c`: create a blob that does not exist yet.
    Create,
    /// `w`: create or overwrite, set metadata and tier, lease.
    Write,
    /// `d`: delete.
    Delete,
    /// `x`: delete a version.
    DeleteVersion,
    /// `y`: delete a soft-deleted snapshot or version for good.
    PermanentDelete,
    /// `l`: list blobs.
    List,
    /// `t`: read and write index tags.
    Tag,
    /// `f`: find blobs by tag.
    Find,
    /// `m`: move within a hierarchical namespace.
    Move,
    /// `e`: read system properties, execute in a hierarchical namespace.
    Execute,
    /// `o`: set the owner.
    Ownership,
    /// `p`: set POSIX permissions.
    Permissions,
    /// `i`: set an immutability policy or legal hold.
    Immutability,
}

/// The letters of all rights in canonical order.
const LETTERS: [u8; 15] = *b"racwdxyltfmeopi";

impl Right {
    /// All rights in canonical order (container order; the blob order is the same without `f`).
    pub const ALL: [Self; 15] = [
        Self::Read,
        Self::Add,
        Self::Create,
        Self::Write,
        Self::Delete,
        Self::DeleteVersion,
        Self::PermanentDelete,
        Self::List,
        Self::Tag,
        Self::Find,
        Self::Move,
        Self::Execute,
        Self::Ownership,
        Self::Permissions,
        Self::Immutability,
    ];

    /// The letter in `sp`.
    pub fn letter(self) -> char {
        LETTERS[self as usize] as char
    }

    /// The right of a letter; `None` for a letter that Azure does not document.
    pub fn from_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.letter() == letter)
    }

    /// One word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Add => "append",
            Self::Create => "create",
            Self::Write => "write and overwrite",
            Self::Delete => "delete",
            Self::DeleteVersion => "delete versions",
            Self::PermanentDelete => "delete permanently",
            Self::List => "list",
            Self::Tag => "tag",
            Self::Find => "find by tag",
            Self::Move => "move",
            Self::Execute => "execute",
            Self::Ownership => "change owner",
            Self::Permissions => "change permissions",
            Self::Immutability => "set immutability",
        }
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A set of rights. `Display` and serde write the letters in canonical order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rights(u16);

impl Rights {
    /// No right at all.
    pub const NONE: Self = Self(0);

    /// Reads the letters of `sp` in any order.
    ///
    /// # Errors
    /// A letter that Azure does not document, or one that comes twice (Azure refuses both).
    pub fn parse(letters: &str) -> Result<Self, RightsError> {
        let spelled = Spelled::read(letters);
        if spelled.unknown {
            return Err(RightsError::UnknownLetter);
        }
        if spelled.repeated {
            return Err(RightsError::RepeatedLetter);
        }
        Ok(spelled.rights)
    }

    /// Whether the set holds `right`.
    pub fn contains(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// This set and `right`.
    #[must_use]
    pub fn with(self, right: Right) -> Self {
        Self(self.0 | right.bit())
    }

    /// The rights of this set that are not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The rights that are in both sets.
    #[must_use]
    pub fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The rights in canonical order.
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.contains(*right))
    }

    /// The letters of `sp` in canonical order, without allocation.
    pub fn letters(self, buffer: &mut [u8; Right::ALL.len()]) -> &str {
        let mut bits = self.0;
        let mut len = 0;
        while bits != 0 {
            buffer[len] = LETTERS[bits.trailing_zeros() as usize];
            len += 1;
            bits &= bits - 1;
        }
        std::str::from_utf8(&buffer[..len]).expect("letters are ASCII")
    }

    /// The rights in words, `read, list`.
    pub fn words(self) -> String {
        self.iter().map(Right::word).collect::<Vec<_>>().join(", ")
    }
}

impl From<Right> for Rights {
    fn from(right: Right) -> Self {
        Self::NONE.with(right)
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        rights.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.letters(&mut [0; Right::ALL.len()]))
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rights({self})")
    }
}

impl Serialize for Rights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why letters are no set of rights. Never repeats the letters: they come from a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RightsError {
    /// A letter outside `racwdxyltfmeopi`.
    #[error("a letter is none of racwdxyltfmeopi")]
    UnknownLetter,
    /// The same letter twice.
    #[error("a letter comes twice")]
    RepeatedLetter,
}

/// `sp` as somebody spelled it: the known rights, and what is wrong with the spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spelled {
    pub(crate) rights: Rights,
    pub(crate) unknown: bool,
    pub(crate) repeated: bool,
    pub(crate) unordered: bool,
}

impl Spelled {
    pub(crate) fn read(letters: &str) -> Self {
        let mut spelled = Self { rights: Rights::NONE, unknown: false, repeated: false, unordered: false };
        let mut last = None;
        for letter in letters.chars() {
            let Some(right) = Right::from_letter(letter) else {
                spelled.unknown = true;
                continue;
            };
            spelled.repeated |= spelled.rights.contains(right);
            spelled.unordered |= last > Some(right);
            spelled.rights = spelled.rights.with(right);
            last = Some(right);
        }
        spelled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_back_in_canonical_order() {
        assert_eq!(Rights::parse("dwcar").unwrap().to_string(), "racwd");
        let all: String = Right::ALL.into_iter().map(Right::letter).collect();
        assert_eq!(Rights::parse(&all).unwrap().to_string(), all);
        assert_eq!(Right::ALL.into_iter().filter_map(|r| Right::from_letter(r.letter())).count(), 15);
    }

    #[test]
    fn spelling_mistakes_are_seen() {
        assert_eq!(Rights::parse("rz"), Err(RightsError::UnknownLetter));
        assert_eq!(Rights::parse("rr"), Err(RightsError::RepeatedLetter));
        let spelled = Spelled::read("wr");
        assert!(spelled.unordered && !spelled.unknown && !spelled.repeated);
    }
}
