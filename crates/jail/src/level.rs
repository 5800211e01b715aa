//! How strong the walls are. A level is found out once, at start, and never lowered while jobs run.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How strong the walls are; the greater one is the stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// Landlock and seccomp alone, for containers that refuse namespaces.
    L2,
    /// Namespaces with an own root as well: no file exists, no route exists, no other process is visible.
    L1,
}

impl Level {
    /// Where the codec finds its output file.
    pub const fn output_path(self) -> &'static str {
        match self {
            Self::L1 => "/output",
            // Opened anew through its descriptor, so that two openings of it do not share an offset: ffmpeg's
            // faststart needs two, and its `fd:` protocol gives one twice.
            Self::L2 => "/proc/self/fd/3",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::L1 => "L1",
            Self::L2 => "L2",
        })
    }
}

impl std::str::FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        match text.to_ascii_uppercase().as_str() {
            "L1" => Ok(Self::L1),
            "L2" => Ok(Self::L2),
            _ => Err(UnknownLevel),
        }
    }
}

/// A text that names no level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is neither L1 nor L2")]
pub struct UnknownLevel;
