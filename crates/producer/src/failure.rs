//! What a person reads when a verb fails: what happened, why, what to do next, and the exit code.
//! Printed once, at the very end, by `cli`. Must never hold a signed URL, a key or a password.

use std::error::Error;
use std::fmt;

use serde_json::json;

use crate::exit::Exit;

/// A verb's failure, ready for the terminal.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    what: String,
    causes: Vec<String>,
    advice: Option<String>,
}

/// The result of a verb.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure with its exit code and one sentence on what happened.
    pub fn new(exit: Exit, what: impl fmt::Display) -> Self {
        Self { exit, what: what.to_string(), causes: Vec::new(), advice: None }
    }

    /// A failure from an error; its chain of sources becomes the causes.
    pub fn from_error(exit: Exit, error: &dyn Error) -> Self {
        let mut failure = Self::new(exit, error);
        let mut source = error.source();
        while let Some(cause) = source {
            failure.causes.push(cause.to_string());
            source = cause.source();
        }
        failure
    }

    /// Adds what to do next.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Adds a line below the first, such as one bad line of a manifest.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Standard output was closed by its reader (`valet events | head`): an end, not an error.
    pub fn stdout(error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Ok, "");
        }
        Self::from_error(Exit::Internal, error).advise("check that standard output can be written to")
    }

    /// A verb whose output has said everything ends with this code and no further words.
    pub fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// The code that the process ends with.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Nothing is left to say.
    pub fn is_silent(&self) -> bool {
        self.what.is_empty()
    }

    /// What happened and its causes in one line, for a log.
    pub fn line(&self) -> String {
        let parts: Vec<&str> = std::iter::once(&self.what).chain(&self.causes).map(String::as_str).collect();
        parts.join(": ")
    }

    /// The failure as one JSON object, for `--json`.
    pub fn to_json(&self) -> serde_json::Value {
        json!({ "error": { "what": self.what, "causes": self.causes, "advice": self.advice,
                           "exit_code": self.exit.code() } })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "valet: {}", self.what)?;
        for cause in &self.causes {
            write!(out, "\n  {cause}")?;
        }
        match &self.advice {
            Some(advice) => write!(out, "\n  next: {advice}"),
            None => Ok(()),
        }
    }
}
