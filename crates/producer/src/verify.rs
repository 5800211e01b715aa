//! Settles what a worker cannot know: whether an output that exists after a lost answer is this job's.
//! The worker may only create; the producer may read, and compares. Must never download the output.

use jiff::{SignedDuration, Timestamp};

use crate::address::BlobAddress;
use crate::follow::{JobState, StoredOutput};
use crate::storage::{StorageClient, StorageFailure};
use crate::submit::JobMinter;

/// How long the grant for one comparison holds.
const GRANT_LIFETIME: SignedDuration = SignedDuration::from_mins(5);

/// Compares stored blobs with reports.
pub struct Verifier {
    client: StorageClient,
    minter: JobMinter,
}

impl Verifier {
    /// Compares blobs of the minter's account.
    ///
    /// # Errors
    /// When the TLS setup of this machine cannot be used.
    pub fn new(minter: JobMinter) -> Result<Self, StorageFailure> {
        Ok(Self { client: StorageClient::new()?, minter })
    }

    /// Whether the stored blob is what the job's report says: its size, and the job and hash in its metadata.
    /// `None`: the output is of another account, or its name cannot be granted.
    ///
    /// # Errors
    /// When storage did not answer.
    pub async fn is_as_reported(
        &self,
        state: &JobState,
        output: &StoredOutput,
    ) -> Result<Option<bool>, StorageFailure> {
        let account = self.minter.signer().account().name();
        let address = output.blob.strip_prefix(account).and_then(|rest| rest.strip_prefix('/'));
        let Some(address) = address.and_then(|text| text.parse::<BlobAddress>().ok()) else {
            return Ok(None);
        };
        let now = Timestamp::now();
        let expiry = now.saturating_add(GRANT_LIFETIME).unwrap_or(now);
        let Ok(grant) = self.minter.read(&address, now, expiry) else { return Ok(None) };
        let answer = self.client.head(&format!("verify {address}"), &grant).await?;
        let size = answer.header("content-length").and_then(|text| text.parse::<u64>().ok());
        let is_own = answer.header("x-ms-meta-job") == Some(state.id.to_string().as_str());
        let is_same = answer.header("x-ms-meta-sha256") == Some(output.sha256.as_str());
        Ok(Some(answer.is_success() && size == Some(output.bytes) && is_own && is_same))
    }
}
