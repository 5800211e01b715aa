//! Was this grant signed with our own key?

use thiserror::Error;
use valet_grant::GrantUrl;

use crate::signer::Signer;

/// A grant that this signer did not mint, or cannot tell of.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// Its signature is not ours: another key signed it, or it was changed since.
    #[error("the grant was not signed with this key, or was changed since")]
    NotOurs,
}

impl Signer {
    /// Tells whether `grant` was signed with this signer's key and is unchanged. Expiry does not matter.
    ///
    /// # Errors
    /// [`VerifyError`] saying why it does not count as ours.
    pub fn verify(&self, _grant: &GrantUrl) -> Result<(), VerifyError> {
        todo!()
    }
}
