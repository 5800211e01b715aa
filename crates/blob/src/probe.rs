//! Is the output there already? Asked with a create-only grant, which may not read: by a Put Blob that cannot succeed.
//!
//! The request carries one byte, an MD5 that is not that byte's, and a condition (`If-Match`) that no blob meets:
//! either alone keeps storage from creating anything. It must never create, and it must never say "exists" of a blob
//! that is not there. "Absent" may be wrong, which costs an encode: the store that follows is refused then.
//!
//! | | over an existing blob | where there is none |
//! |---|---|---|
//! | Azurite 3.37 (measured) | 403 `AuthorizationPermissionMismatch` | 412 `ConditionNotMet` (without the condition: 400 `Md5Mismatch`) |
//! | Azure (documented, not measured) | 403 `UnauthorizedBlobOverwrite` | 400 `Md5Mismatch` or 412 `ConditionNotMet` |
//!
//! Should Azure look at MD5 or condition before the right to overwrite, then an existing blob is taken for absent:
//! the order decides how much is saved, never what is stored.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{
    Method,
    header::{CONTENT_LENGTH, IF_MATCH},
};
use valet_grant::{Right, WriteGrant};

use crate::{
    StorageError,
    deadline::within,
    error::{Failure, Subject},
    http::Client,
    retry::Tries,
};

/// The longest that the question may take; after that the answer is not worth the wait.
const PATIENCE: Duration = Duration::from_secs(20);

/// Any byte but the one whose MD5 is sent, were it known which that is.
const BODY: &str = "?";

/// Sixteen zero bytes in base64. Nobody knows anything with this MD5, and one byte has another.
const WRONG_MD5: &str = "AAAAAAAAAAAAAAAAAAAAAA==";

/// An ETag that storage never gives: its own are times in hexadecimal.
const NO_ETAG: &str = "\"valet-probe\"";

/// What storage said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// A blob of the output's name exists.
    Exists,
    /// None seems to exist.
    Absent,
    /// Storage gave no answer that tells.
    Unknown,
}

/// Asks whether the blob that `grant` may create is there. Never fails: what cannot be told is [`Presence::Unknown`],
/// and after 20 seconds, or at `deadline`, nothing can. Other grants than create-only ones are not asked with.
pub async fn probe_stored(client: &Client, grant: &WriteGrant, deadline: Option<Timestamp>) -> Presence {
    let rights = grant.rights();
    // With the right to write, the request might do something to an existing blob.
    if !rights.contains(Right::Create) || rights.contains(Right::Write) {
        return Presence::Unknown;
    }
    let subject = Subject::storing(grant, BODY.len() as u64);
    // A time out of range is no deadline at all.
    let patience = client.now().checked_add(PATIENCE).unwrap_or(Timestamp::MAX);
    let deadline = deadline.map_or(patience, |deadline| deadline.min(patience));
    let asked = ask(client, grant, &subject, deadline);
    match within(client, Some(deadline), &subject, asked).await {
        Ok(presence) => presence,
        Err(error) => {
            tracing::debug!("whether the output is there cannot be told: {error}");
            Presence::Unknown
        }
    }
}

async fn ask(
    client: &Client,
    grant: &WriteGrant,
    subject: &Subject,
    deadline: Timestamp,
) -> Result<Presence, StorageError> {
    let mut tries = Tries::new(client, subject, Some(deadline));
    loop {
        tries.check_time()?;
        let failure = match once(client, grant, subject).await {
            Ok(()) => {
                tracing::error!("storage took a request that it had to refuse; please report this");
                return Ok(Presence::Unknown);
            }
            Err(failure) => failure,
        };
        // No real storage is reached over http.
        let emulated = grant.url().expose_url().starts_with("http://");
        match told(failure.error.status, failure.error.code.as_deref(), emulated) {
            Presence::Unknown => tries.pause_after(failure).await?,
            presence => return Ok(presence),
        }
    }
}

async fn once(client: &Client, grant: &WriteGrant, subject: &Subject) -> Result<(), Failure> {
    let request = client.request(Method::PUT, grant.url().expose_url(), subject)?;
    let request = request
        .header("x-ms-blob-type", "BlockBlob")
        .header("content-md5", WRONG_MD5)
        .header(IF_MATCH, NO_ETAG)
        .header(CONTENT_LENGTH, BODY.len())
        .body(BODY);
    client.send(request, subject).await.map(drop)
}

/// What an answer says; strict, since "exists" is taken for the end of the job.
fn told(status: Option<u16>, code: Option<&str>, emulated: bool) -> Presence {
    match (status, code) {
        (Some(403), Some("UnauthorizedBlobOverwrite")) | (Some(409), Some("BlobAlreadyExists")) => {
            Presence::Exists
        }
        // Azurite's alias. On Azure it means that a right is missing, and says nothing about the blob.
        (Some(403), Some("AuthorizationPermissionMismatch")) if emulated => Presence::Exists,
        (Some(400), Some("Md5Mismatch")) | (Some(412), Some("ConditionNotMet")) => Presence::Absent,
        _ => Presence::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_words_are_taken_for_an_existing_blob() {
        let azure = |status, code| told(Some(status), Some(code), false);
        assert_eq!(azure(403, "UnauthorizedBlobOverwrite"), Presence::Exists);
        assert_eq!(azure(409, "BlobAlreadyExists"), Presence::Exists);
        assert_eq!(azure(403, "AuthorizationPermissionMismatch"), Presence::Unknown, "a right is missing");
        assert_eq!(azure(403, "AuthorizationFailure"), Presence::Unknown);
        assert_eq!(azure(409, "LeaseAlreadyPresent"), Presence::Unknown);
        assert_eq!(azure(400, "Md5Mismatch"), Presence::Absent);
        assert_eq!(azure(400, "InvalidHeaderValue"), Presence::Unknown);
        assert_eq!(told(None, None, false), Presence::Unknown);
    }
}
