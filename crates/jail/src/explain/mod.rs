//! A step of the jail did not work: which setting of the machine is in the way, and what to do about it.
//!
//! Pure: what the machine says about itself is read once, by [`Machine::look`], and the rest is rules.

mod machine;
mod rules;
#[cfg(test)]
mod tests;

pub use machine::{Container, Machine};

use crate::Level;
use crate::hostile::errno_name;

/// What is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// What is in the way; reads behind "cannot make a jail: ".
    pub cause: String,
    /// What to do about it.
    pub advice: String,
}

impl Obstacle {
    fn new(cause: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { cause: cause.into(), advice: advice.into() }
    }
}

/// Why `step` (a name of [`crate::Step`]) failed with `errno`, and what to do about it.
#[must_use]
pub fn explain(step: &str, errno: i32, level: Level, machine: &Machine) -> Obstacle {
    let mut obstacle = rules::known(step, errno, machine).unwrap_or_else(|| unknown(step, errno));
    if level == Level::L1 && rules::needs_namespaces(step) {
        obstacle.advice.push_str("; or accept jails without namespaces: jail.level_min = \"L2\"");
    }
    obstacle
}

fn unknown(step: &str, errno: i32) -> Obstacle {
    let cause = format!("step {step} failed with {}", errno_name(errno));
    Obstacle::new(
        cause,
        "look for a denial in the kernel's log (dmesg, journalctl -k) at the time of this message",
    )
}
