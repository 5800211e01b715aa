//! What an audit says: a rule, how bad, what was seen, what to do. Texts here are for people and logs, so they are
//! made of parsed values and fixed words, never of raw parts of a URL.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::cause::Cause;
use crate::grant::Role;
use crate::policy::GrantPolicy;
use crate::rules;

/// How bad a finding is. Ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Untidy.
    Low,
    /// Likely to fail, or weaker than it should be.
    Medium,
    /// Wrong; refused by default.
    High,
    /// Dangerous; refused under every policy.
    Critical,
}

impl Severity {
    /// All, from mild to bad.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word that `Display`, serde and [`FromStr`] use.
    pub fn word(self) -> &'static str {
        ["info", "low", "medium", "high", "critical"][self as usize]
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(word: &str) -> Result<Self, UnknownSeverity> {
        Self::ALL.into_iter().find(|severity| severity.word() == word).ok_or(UnknownSeverity)
    }
}

/// The word is no severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one of info, low, medium, high, critical")]
pub struct UnknownSeverity;

/// A rule of the audit. What each one means, how severe it usually is and why it exists is data:
/// [`title`](Self::title), [`severity`](Self::severity), [`summary`](Self::summary).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // each rule's documentation is its entry in the table
pub enum Rule {
    Sas001,
    Sas002,
    Sas003,
    Sas004,
    Sas005,
    Sas006,
    Sas007,
    Sas008,
    Sas009,
    Sas010,
    Sas011,
    Sas012,
    Sas013,
    Sas014,
    Sas015,
    Sas016,
    Sas017,
    Sas018,
    Sas019,
    Sas020,
    Sas021,
}

impl Rule {
    /// Every rule, in order of its id.
    pub fn all() -> impl Iterator<Item = Self> {
        rules::TABLE.iter().map(|entry| entry.rule)
    }

    /// The stable id, `SAS001`.
    pub fn id(self) -> &'static str {
        rules::entry(self).id
    }

    /// What is wrong, in a few words.
    pub fn title(self) -> &'static str {
        rules::entry(self).title
    }

    /// Why the rule exists.
    pub fn summary(self) -> &'static str {
        rules::entry(self).reason
    }

    /// Its usual severity; a single finding may be milder or worse.
    pub fn severity(self) -> Severity {
        rules::entry(self).severity
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

/// One thing that an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule that fired.
    pub rule: Rule,
    /// How bad it is here.
    pub severity: Severity,
    /// What was seen.
    pub message: String,
    /// What to do about it.
    pub advice: String,
    /// Whether the grant is refused whatever the policy's `refuse_from` says.
    pub wrong_by_construction: bool,
    /// Which of a job's grants it is about; `None` is both together.
    pub role: Option<Role>,
    #[serde(skip)]
    pub(crate) cause: Cause,
}

impl Finding {
    pub(crate) fn new(rule: Rule, message: impl Into<String>, advice: impl Into<String>) -> Self {
        let (severity, message, advice) = (rule.severity(), message.into(), advice.into());
        Self {
            rule,
            severity,
            message,
            advice,
            wrong_by_construction: false,
            role: None,
            cause: Cause::Other,
        }
    }

    /// The same finding with another severity than the rule's usual one.
    pub(crate) fn at(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }

    /// The same finding, refused under every policy.
    pub(crate) fn always(self) -> Self {
        Self { wrong_by_construction: true, ..self }
    }

    pub(crate) fn because(self, cause: Cause) -> Self {
        Self { cause, ..self }
    }

    /// Whether this finding alone refuses a grant under `policy`.
    pub fn refuses(&self, policy: &GrantPolicy) -> bool {
        self.wrong_by_construction
            || self.severity >= policy.refuse_from
            || self.severity == Severity::Critical
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = self.role.map(|role| format!(" {role} grant")).unwrap_or_default();
        write!(f, "{} {}{role}: {}", self.rule, self.severity, self.message)
    }
}
