//! What was found in a message: the rule, what is wrong, what to change. For the sender to read, so it must never
//! show a signature: every text passes the wire format's own cleaning.

use std::fmt;

use serde::{Serialize, Serializer};
use valet_grant::Severity;
use valet_protocol::{Advice, DecodeError, Detail, Reason};

macro_rules! rules {
    ($($name:ident $word:literal $meaning:literal;)*) => {
        /// A rule that a message can break. What grants can break is the audit's, `SAS001` to `SAS021`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Rule {
            $(#[doc = $meaning] $name,)*
            /// A rule of the audit of grants.
            Grant(valet_grant::Rule),
        }

        impl Rule {
            /// The rules of messages themselves, in the order in which they decide the reason of a refusal.
            pub const OF_MESSAGES: &[Self] = &[$(Self::$name),*];

            /// The stable word: `publisher`, `SAS005`.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                    Self::Grant(rule) => rule.id(),
                }
            }

            /// What the rule asks for, in one sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                    Self::Grant(rule) => rule.title(),
                }
            }
        }
    };
}

rules! {
    Size "size" "A message has at most 65,536 bytes.";
    Schema "schema" "A message is JSON of the wire format, every field within its limits.";
    Publisher "publisher" "The login that the broker saw publish the message is one of its lane's.";
    Lane "lane" "The message's lane is the one that it was published to.";
    Priority "priority" "The message's priority is that of the exchange that it was published to, and one that its lane has.";
    Mint "mint" "Only the producer that mints grants anew counts mints and earlier attempts.";
    Sealed "sealed" "Grants are sealed where the lane asks for it, and sealed for this very message.";
    Preset "preset" "The preset exists, and the lane may use it.";
    Parameter "parameter" "Every parameter is one of the preset's, within its bounds.";
    Limit "limit" "No limit is wider than the lane's ceiling.";
    Time "time" "The message has not ended, and ends within the longest life that the lane's grants may have.";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// How bad it is.
    pub severity: Severity,
    /// Whether the message is refused for this alone.
    pub refuses: bool,
    /// What is wrong.
    pub what: Detail,
    /// What to change.
    pub change: Advice,
    #[serde(skip)]
    pub(crate) reason: Reason,
}

impl Finding {
    /// One that refuses the message.
    pub(crate) fn new(rule: Rule, reason: Reason, what: &str, change: &str) -> Self {
        Self {
            rule,
            severity: Severity::High,
            refuses: true,
            what: what.into(),
            change: change.into(),
            reason,
        }
    }

    /// Why bytes are no message.
    pub(crate) fn of_decoding(error: &DecodeError) -> Self {
        let rule = if matches!(error, DecodeError::TooLarge { .. }) { Rule::Size } else { Rule::Schema };
        Self::new(rule, error.reason(), &error.to_string(), &error.advice())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}
