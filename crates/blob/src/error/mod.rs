//! What went wrong with storage, in kinds for the worker's decision and in words for people.
//!
//! Nothing in here ever holds a URL: hosts, blob paths and codes only.

use std::{error::Error, fmt};

pub(crate) mod answer;
mod cause;
mod kind;
mod subject;
mod table;
mod words;

pub use kind::StorageErrorKind;

pub(crate) use cause::{BodyRead, Cause};
pub(crate) use subject::{Failure, Subject};

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Asking for the input's length, ETag and MD5.
    Open,
    /// Reading the input's bytes.
    Fetch,
    /// Writing the output.
    Store,
}

/// A failed operation on one blob. `Display` says what happened, [`StorageError::advice`] what to do.
#[derive(Debug)]
pub struct StorageError {
    /// Why.
    pub kind: StorageErrorKind,
    /// What was being done.
    pub operation: Operation,
    /// `account/container/blob`, safe for a terminal.
    pub blob: String,
    /// HTTP status, when storage answered.
    pub status: Option<u16>,
    /// Storage's own error code, when it sent one.
    pub code: Option<String>,
    /// Storage's request id, for a support case.
    pub request_id: Option<String>,
    /// Boxed so that a `Result` stays small.
    pub(crate) behind: Box<Behind>,
}

/// What is behind an error, beyond what callers match on.
#[derive(Debug, Default)]
pub(crate) struct Behind {
    /// What this very code is known to mean beyond its kind.
    pub(crate) hint: Option<&'static str>,
    /// The chain below, as text.
    pub(crate) cause: Option<Cause>,
}

impl StorageError {
    /// What a person should do.
    pub fn advice(&self) -> String {
        let advice = words::advice(&self.kind, self.operation);
        match self.behind.hint {
            Some(hint) => format!("{advice}; {hint}"),
            None => advice.to_owned(),
        }
    }

    /// Whether the same operation may succeed later with the same grant. Tries within this crate are used up by then.
    pub fn is_transient(&self) -> bool {
        self.kind.is_transient()
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", words::verb(self.operation), self.blob, words::Happened(&self.kind))?;
        let mut facts = Vec::new();
        facts.extend(self.status.map(|status| format!("HTTP {status}")));
        facts.extend(self.code.clone());
        facts.extend(self.request_id.as_ref().map(|id| format!("request {id}")));
        if facts.is_empty() { Ok(()) } else { write!(f, " ({})", facts.join(", ")) }
    }
}

impl Error for StorageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.behind.cause.as_ref().map(|cause| cause as _)
    }
}
