//! Why bytes are not a message, or a message cannot become bytes.
//! Must never repeat a value of the message, only field names and rules.

use crate::Reason;

/// Why bytes are not a job message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Larger than [`crate::MESSAGE_BYTES_MAX`].
    #[error("the message has {bytes} bytes, over the limit of {max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Not UTF-8.
    #[error("the message is not UTF-8: byte {offset} starts no character")]
    NotUtf8 {
        /// The first wrong byte, counted from 0.
        offset: usize,
    },
    /// Not JSON.
    #[error("the message is not JSON: {problem} at line {line}, column {column}")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
        /// "it ends too early" or "syntax error".
        problem: &'static str,
    },
    /// A version other than 1.
    #[error("the message is of version {version}, and only version 1 is known")]
    UnsupportedVersion {
        /// The version it names.
        version: u64,
    },
    /// A field that the format does not have.
    #[error("the message has an unknown field: {field}")]
    UnknownField {
        /// Its path: `input.urll`.
        field: String,
        /// The field that was most likely meant.
        nearest: Option<&'static str>,
    },
    /// A field that must be there.
    #[error("the message lacks the field {field}")]
    MissingField {
        /// Its path.
        field: String,
    },
    /// A field that is there twice, which parsers read differently.
    #[error("the message has the field {field} twice")]
    DuplicateField {
        /// Its path.
        field: String,
    },
    /// A field whose value has the wrong type or breaks a limit.
    #[error("the message's field {field} {problem}")]
    Invalid {
        /// Its path.
        field: String,
        /// The rule, to complete "`<field>` …".
        problem: String,
    },
}

impl DecodeError {
    /// The reason for the dead letter and the report.
    pub fn reason(&self) -> Reason {
        match self {
            Self::TooLarge { .. } => Reason::MessageTooLarge,
            Self::NotUtf8 { .. } | Self::NotJson { .. } => Reason::BadJson,
            Self::UnsupportedVersion { .. } => Reason::UnsupportedVersion,
            Self::UnknownField { .. } => Reason::UnknownField,
            Self::MissingField { .. } | Self::DuplicateField { .. } | Self::Invalid { .. } => {
                Reason::BadMessage
            }
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::UnknownField { nearest: Some(nearest), .. } => format!("did you mean {nearest}?"),
            Self::MissingField { field } => format!("add {field}; docs/wire-format.md describes it"),
            _ => self.reason().advice().to_owned(),
        }
    }
}

/// Why a message cannot become bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A field breaks a limit.
    #[error("the message's field {field} {problem}")]
    Invalid {
        /// Its path.
        field: String,
        /// The rule, to complete "`<field>` …".
        problem: String,
    },
    /// Larger than [`crate::MESSAGE_BYTES_MAX`].
    #[error("the message would have {bytes} bytes, over the limit of {max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
}

impl EncodeError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => Reason::BadMessage.advice(),
            Self::TooLarge { .. } => Reason::MessageTooLarge.advice(),
        }
    }
}
