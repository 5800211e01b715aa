//! Looks at outputs in storage: the worker may only create, the producer may read and compares, before it calls
//! a job done. Must never download an output.

use jiff::{SignedDuration, Timestamp};
use valet_status::{Sight, StoredFacts};

use crate::address::BlobAddress;
use crate::config::Config;
use crate::failure::Outcome;
use crate::storage::{Answer, StorageClient, StorageFailure};
use crate::submit::JobMinter;

/// How long the grant for one look holds.
const GRANT_LIFETIME: SignedDuration = SignedDuration::from_mins(5);

/// Looks at stored blobs.
#[derive(Clone)]
pub struct Verifier {
    client: StorageClient,
    minter: JobMinter,
}

impl Verifier {
    /// Looks at blobs of the minter's account.
    ///
    /// # Errors
    /// When the TLS setup of this machine cannot be used.
    pub fn new(minter: JobMinter) -> Result<Self, StorageFailure> {
        Ok(Self { client: StorageClient::new()?, minter })
    }

    /// Looks at blobs of the account that the settings name; none if they name no key.
    ///
    /// # Errors
    /// Exit 64 when account, key or endpoint cannot be used.
    pub fn of(config: &Config) -> Outcome<Option<Self>> {
        match config.storage {
            Some(_) => Ok(Some(Self::new(config.minter()?)?)),
            None => Ok(None),
        }
    }

    /// What storage says of the blob `account/container/blob`.
    ///
    /// # Errors
    /// When storage did not answer, or refused.
    pub async fn look(&self, blob: &str) -> Result<Sight, StorageFailure> {
        let account = self.minter.signer().account().name();
        let address = blob.strip_prefix(account).and_then(|rest| rest.strip_prefix('/'));
        let Some(address) = address.and_then(|text| text.parse::<BlobAddress>().ok()) else {
            return Ok(Sight::Unknown);
        };
        let now = Timestamp::now();
        let expiry = now.saturating_add(GRANT_LIFETIME).unwrap_or(now);
        let Ok(grant) = self.minter.read(&address, now, expiry) else { return Ok(Sight::Unknown) };
        let what = format!("verify {address}");
        let answer = self.client.head(&what, &grant).await?;
        match answer.status {
            404 => Ok(Sight::Absent),
            _ if answer.is_success() => Ok(Sight::Blob(facts(&answer))),
            _ => Err(answer.refused(&what)),
        }
    }
}

fn facts(answer: &Answer) -> StoredFacts {
    let text = |name: &str| answer.header(name).map(str::to_owned);
    StoredFacts {
        bytes: answer.header("content-length").and_then(|text| text.parse().ok()),
        job: text("x-ms-meta-job"),
        attempt: answer.header("x-ms-meta-attempt").and_then(|text| text.parse().ok()),
        sha256: text("x-ms-meta-sha256"),
        md5: text("content-md5"),
        content_type: text("content-type"),
    }
}
