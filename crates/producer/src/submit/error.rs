//! Why jobs did not reach the broker. No text holds a grant.

use std::io;

use valet_broker::{ConnectError, PublishError};
use valet_mint::MintError;
use valet_protocol::{EncodeError, JobId};
use valet_seal::SealError;

use crate::exit::Exit;
use crate::failure::Failure;

/// Why one job has no message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// A grant was refused at mint.
    #[error("cannot mint the grants of {input}")]
    Mint {
        /// The job's input.
        input: String,
        /// Why.
        #[source]
        cause: MintError,
    },
    /// The grants cannot be sealed, and are not sent open.
    #[error("cannot seal the grants of {input}")]
    Seal {
        /// The job's input.
        input: String,
        /// Why.
        #[source]
        cause: SealError,
    },
    /// The message breaks a limit of the wire format.
    #[error("cannot encode the message for {input}")]
    Encode {
        /// The job's input.
        input: String,
        /// Which limit.
        #[source]
        cause: EncodeError,
    },
}

/// Why submitting stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The broker could not be reached, or its topology is not there.
    #[error("cannot connect to the broker")]
    Connect(#[source] Box<ConnectError>),
    /// One job has no message.
    #[error(transparent)]
    Prepare(Box<PrepareError>),
    /// The broker did not take a job.
    #[error("job {job} was not enqueued")]
    Publish {
        /// The job.
        job: JobId,
        /// Why.
        #[source]
        cause: Box<PublishError>,
    },
    /// The broker has a job, and did not take the report that says so.
    #[error("job {job} is enqueued, but the report of it was not taken")]
    Report {
        /// The job.
        job: JobId,
        /// Why.
        #[source]
        cause: Box<PublishError>,
    },
    /// The broker did not take a dead letter.
    #[error("the letter of {id:?} was not put away")]
    Letter {
        /// Its id, as its sender wrote it.
        id: String,
        /// Why.
        #[source]
        cause: Box<PublishError>,
    },
    /// The broker did not take an order.
    #[error("the order to cancel {job} was not taken")]
    Order {
        /// The job.
        job: JobId,
        /// Why.
        #[source]
        cause: Box<PublishError>,
    },
    /// The checked plans cannot be read back from their temporary file.
    #[error("cannot read the checked jobs back")]
    Spool(#[source] io::Error),
    /// The caller's sink for confirmed jobs failed, usually standard output.
    #[error("cannot write out a confirmed job")]
    Sink(#[source] io::Error),
}

impl SubmitError {
    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Connect(cause) => cause.advice().to_string(),
            Self::Prepare(cause) => match cause.as_ref() {
                PrepareError::Mint { cause, .. } => cause.advice().to_owned(),
                PrepareError::Seal { .. } => "shorten the blobs' names".to_owned(),
                PrepareError::Encode { cause, .. } => cause.advice().to_owned(),
            },
            Self::Publish { cause, .. }
            | Self::Report { cause, .. }
            | Self::Letter { cause, .. }
            | Self::Order { cause, .. } => cause.advice().to_owned(),
            Self::Spool(_) => "check the free space of the temporary folder (TMPDIR)".to_owned(),
            Self::Sink(_) => "check where the output goes".to_owned(),
        }
    }

    /// The exit code it ends a verb with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Connect(cause) => connect_exit(cause),
            Self::Prepare(_) => Exit::Data,
            Self::Publish { cause, .. }
            | Self::Report { cause, .. }
            | Self::Letter { cause, .. }
            | Self::Order { cause, .. } => match cause.as_ref() {
                PublishError::Denied { .. } => Exit::Permission,
                _ => Exit::Unavailable,
            },
            Self::Spool(_) | Self::Sink(_) => Exit::Internal,
        }
    }
}

/// The exit code of a refused or failed connection.
pub(crate) fn connect_exit(error: &ConnectError) -> Exit {
    match error {
        ConnectError::Login { .. } | ConnectError::Vhost { .. } => Exit::Permission,
        _ => Exit::Unavailable,
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Sink(cause) => Self::stdout(&cause),
            error => Self::from_error(error.exit(), &error).advise(error.advice()),
        }
    }
}
