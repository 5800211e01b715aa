//! What was wrong with the settings, all of it, for the person who has to mend it.
//! Must never hold or print a value, only keys, places and problems.

use std::fmt;
use std::path::PathBuf;

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line.
    Flag,
    /// The environment variable of this name.
    Environment(String),
    /// The configuration file; `None` if it was given as a table in memory.
    File(Option<PathBuf>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("command line"),
            Self::Environment(variable) => write!(f, "{}", variable.escape_debug()),
            Self::File(Some(path)) => write!(f, "{}", path.display().to_string().escape_debug()),
            Self::File(None) => f.write_str("configuration file"),
        }
    }
}

/// One mistake: which setting, where it was given, what is wrong, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The key, the variable or the file that is wrong; control characters are escaped when printed.
    pub subject: String,
    /// Where it was given; `None` when it is missing.
    pub origin: Option<Origin>,
    /// What is wrong, without the value.
    pub problem: String,
    /// What to do, if that is more than undoing the problem.
    pub advice: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.subject.escape_debug())?;
        if let Some(origin) = self.origin.as_ref().filter(|origin| origin.to_string() != self.subject) {
            write!(f, " (from {origin})")?;
        }
        write!(f, ": {}", self.problem)?;
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

/// Every mistake of one reading, in the order in which they were found; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes(pub(crate) Vec<Mistake>);

impl Mistakes {
    /// The mistakes one by one.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }

    /// What to do about all of them.
    pub fn advice(&self) -> &'static str {
        "correct the settings named above; flags win over VALET_* variables, and those over the file"
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("a mistake in the settings:")?,
            count => write!(f, "{count} mistakes in the settings:")?,
        }
        self.0.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}
