//! A step of the jail did not work: which setting of the machine is in the way, and what to do about it. Pure.

use crate::Level;

/// What is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// What is in the way.
    pub cause: String,
    /// What to do about it.
    pub advice: String,
}

/// What the machine says about itself. Every field is optional: a file may be missing or hidden.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {}

impl Machine {
    /// Reads what the machine says about itself.
    #[must_use]
    pub fn look() -> Self {
        Self::default()
    }
}

/// Why `step` failed with `errno`, and what to do about it.
#[must_use]
pub fn explain(step: &str, errno: i32, level: Level, machine: &Machine) -> Obstacle {
    let _ = (errno, level, machine);
    Obstacle { cause: step.to_owned(), advice: String::new() }
}
