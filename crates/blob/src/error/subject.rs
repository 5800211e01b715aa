//! From an answer or a broken request to a typed error: here the clock, the grant and the operation have their say.

use std::{io, time::Duration};

use jiff::Timestamp;
use valet_grant::{BlobPath, ReadGrant, Right, Rights, Validity, WriteGrant};

use super::{
    Behind, Cause, Operation, StorageError, StorageErrorKind, answer::Answer, cause, cause::Silence, table,
    table::Meaning,
};
use crate::{PUT_BYTES_MAX, http::Refusal};

/// What an operation is about; all that an error needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    operation: Operation,
    blob: String,
    rights: Rights,
    validity: Validity,
    /// Length of the output in bytes; 0 for an input.
    bytes: u64,
}

/// A failed try: its error, and what the next try needs to know.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Boxed so that a `Result` stays small.
    pub(crate) error: Box<StorageError>,
    /// How long storage asked us to wait.
    pub(crate) retry_after: Option<Duration>,
    /// Whether storage may have done what was asked although we cannot know.
    pub(crate) unresolved: bool,
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self { error: Box::new(error), retry_after: None, unresolved: false }
    }
}

impl Subject {
    pub(crate) fn reading(operation: Operation, grant: &ReadGrant) -> Self {
        Self::new(operation, grant.blob(), grant.rights(), grant.validity(), 0)
    }

    pub(crate) fn storing(grant: &WriteGrant, bytes: u64) -> Self {
        Self::new(Operation::Store, grant.blob(), grant.rights(), grant.validity(), bytes)
    }

    pub(super) fn new(
        operation: Operation,
        blob: &BlobPath,
        rights: Rights,
        validity: Validity,
        bytes: u64,
    ) -> Self {
        Self { operation, blob: blob.to_string(), rights, validity, bytes }
    }

    /// The same blob in another operation.
    pub(crate) fn during(&self, operation: Operation) -> Self {
        Self { operation, ..self.clone() }
    }

    /// When the grant dies.
    pub(crate) fn expiry(&self) -> Timestamp {
        self.validity.expiry
    }

    /// Refuses a request that cannot succeed any more.
    pub(crate) fn check_expiry(&self, now: Timestamp) -> Result<(), StorageError> {
        if now < self.expiry() { Ok(()) } else { Err(self.error(StorageErrorKind::GrantExpired)) }
    }

    /// An error that no answer is behind.
    pub(crate) fn error(&self, kind: StorageErrorKind) -> StorageError {
        StorageError {
            kind,
            operation: self.operation,
            blob: self.blob.clone(),
            status: None,
            code: None,
            request_id: None,
            behind: Box::default(),
        }
    }

    fn caused(&self, kind: StorageErrorKind, cause: Cause) -> StorageError {
        let behind = Box::new(Behind { hint: None, cause: Some(cause) });
        StorageError { behind, ..self.error(kind) }
    }

    /// An answer that does not fit the question.
    pub(crate) fn unexpected(&self, status: u16, what: &str) -> StorageError {
        let kind = StorageErrorKind::Unexpected { status, code: what.to_owned() };
        StorageError { status: Some(status), ..self.error(kind) }
    }

    pub(crate) fn refused(&self, refusal: &Refusal) -> StorageError {
        self.error(StorageErrorKind::EgressRefused(refusal.0.clone()))
    }

    pub(crate) fn scratch(&self, error: &io::Error) -> StorageError {
        let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let kind = if full { StorageErrorKind::ScratchFull } else { StorageErrorKind::Scratch };
        self.caused(kind, Cause::new(error))
    }

    /// A request that got no answer.
    pub(crate) fn broken(&self, error: reqwest::Error) -> Failure {
        if let Some(refusal) = cause::refusal(&error) {
            return self.refused(refusal).into();
        }
        if let Some(read) = cause::body_read(&error) {
            return self.scratch(read).into();
        }
        // A connection that never stood carried no request.
        let unresolved = !error.is_connect();
        let kind = if error.is_builder() {
            StorageErrorKind::Unexpected { status: 0, code: "the request could not be built".into() }
        } else if error.is_timeout() {
            StorageErrorKind::Timeout
        } else {
            StorageErrorKind::Connection
        };
        let error = self.caused(kind, Cause::of_request(error));
        Failure { unresolved, ..error.into() }
    }

    /// A request whose answer, or whose next bytes, did not come in time.
    pub(crate) fn stalled(&self) -> Failure {
        Failure { unresolved: true, ..self.error(StorageErrorKind::Timeout).into() }
    }

    /// Bytes that did not come for so long that whoever wants them waits no longer.
    pub(crate) fn silent_for(&self, waited: Duration) -> StorageError {
        self.caused(StorageErrorKind::Timeout, Cause::new(&Silence(waited)))
    }

    /// A body that ended before its last byte.
    pub(crate) fn ended_early(&self) -> Failure {
        Failure { unresolved: true, ..self.error(StorageErrorKind::Connection).into() }
    }

    /// A request that storage refused.
    pub(crate) fn answered(&self, answer: Answer, now: Timestamp) -> Failure {
        let row = table::row_for(answer.status, answer.code.as_deref().unwrap_or_default());
        let meaning = row.map_or(Meaning::Unknown, |row| row.meaning);
        let kind = self.judge(meaning, &answer, now);
        let retry_after = answer.retry_after;
        let error = StorageError {
            status: Some(answer.status),
            code: answer.code,
            request_id: answer.request_id,
            behind: Box::new(Behind { hint: row.and_then(|row| row.hint), cause: None }),
            ..self.error(kind)
        };
        // A busy server says that it did nothing; any other failure of a server leaves that open.
        Failure { retry_after, unresolved: meaning == Meaning::Unavailable, ..error.into() }
    }

    fn judge(&self, meaning: Meaning, answer: &Answer, now: Timestamp) -> StorageErrorKind {
        let storing = self.operation == Operation::Store;
        match meaning {
            Meaning::Denied => self.judge_denied(answer.out_of_time, now),
            // Azurite's answer to a create-only grant over an existing blob.
            Meaning::NoRight if storing && self.is_create_only() => StorageErrorKind::NameCollision,
            Meaning::NoRight => StorageErrorKind::WrongRight,
            Meaning::Exists | Meaning::Condition if storing => StorageErrorKind::NameCollision,
            Meaning::Condition => StorageErrorKind::InputChanged,
            Meaning::Address => StorageErrorKind::WrongAddress(answer.source_ip),
            Meaning::Protocol => StorageErrorKind::WrongProtocol,
            Meaning::NoBlob if storing => StorageErrorKind::ContainerMissing,
            Meaning::NoBlob => StorageErrorKind::BlobMissing,
            Meaning::NoContainer => StorageErrorKind::ContainerMissing,
            Meaning::Archived => StorageErrorKind::BlobArchived,
            Meaning::TooLarge => StorageErrorKind::TooLarge { bytes: self.bytes, bytes_max: PUT_BYTES_MAX },
            Meaning::Md5 => StorageErrorKind::Md5Mismatch,
            Meaning::Throttled => StorageErrorKind::Throttled,
            Meaning::Unavailable => StorageErrorKind::Unavailable,
            Meaning::Exists | Meaning::Unknown => StorageErrorKind::Unexpected {
                status: answer.status,
                code: answer.code.clone().unwrap_or_default(),
            },
        }
    }

    /// Azure and Azurite give an expired grant different codes, so our own clock decides.
    fn judge_denied(&self, out_of_time: bool, now: Timestamp) -> StorageErrorKind {
        let start = self.validity.start.unwrap_or(Timestamp::MIN);
        if now >= self.expiry() {
            StorageErrorKind::GrantExpired
        } else if now < start {
            StorageErrorKind::GrantNotYetValid
        } else if !out_of_time {
            StorageErrorKind::GrantInvalid
        } else if self.expiry().duration_since(now) < now.duration_since(start) {
            // Storage's clock and ours differ; the nearer end is the one that was crossed.
            StorageErrorKind::GrantExpired
        } else {
            StorageErrorKind::GrantNotYetValid
        }
    }

    fn is_create_only(&self) -> bool {
        self.rights.contains(Right::Create) && !self.rights.contains(Right::Write)
    }
}

#[cfg(test)]
#[path = "subject_tests.rs"]
mod tests;
