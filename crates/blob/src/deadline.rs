//! The end of a whole operation: the job's deadline cuts it off, wherever it is.

use std::time::Duration;

use jiff::Timestamp;

use crate::{StorageError, StorageErrorKind, error::Subject, http::Client};

/// Runs `work` until `deadline`; work that is not done by then is dropped.
pub(crate) async fn within<T>(
    client: &Client,
    deadline: Option<Timestamp>,
    subject: &Subject,
    work: impl Future<Output = Result<T, StorageError>>,
) -> Result<T, StorageError> {
    let Some(deadline) = deadline else { return work.await };
    let left = Duration::try_from(deadline.duration_since(client.now())).unwrap_or(Duration::ZERO);
    match tokio::time::timeout(left, work).await {
        Ok(result) => result,
        Err(_) => Err(subject.error(StorageErrorKind::Timeout)),
    }
}
