//! Blobs as people write them: `container/blob` of the configured account. Checked here, before anything
//! is minted. Must never touch the network.

use std::fmt;
use std::str::FromStr;

use valet_grant::{BlobNameError, ContainerNameError, check_blob_name, check_container_name};

/// One blob of the configured storage account. Both names have passed Azure's rules.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BlobAddress {
    text: String,
    container_bytes: usize,
}

/// Why a text is not the address of a blob.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AddressError {
    /// There is no `/` between blob container and blob.
    #[error("{text:?} is not container/blob")]
    NoContainer {
        /// The text as given.
        text: String,
    },
    /// The part before the first `/` cannot be a blob container.
    #[error("{text:?} has a bad blob container name")]
    Container {
        /// The text as given.
        text: String,
        /// Which rule it breaks.
        #[source]
        cause: ContainerNameError,
    },
    /// The part after the first `/` cannot be a blob.
    #[error("{text:?} has a bad blob name")]
    Blob {
        /// The text as given.
        text: String,
        /// Which rule it breaks.
        #[source]
        cause: BlobNameError,
    },
    /// A URL was given where a name is expected.
    #[error("a URL is not accepted here")]
    Url,
}

impl AddressError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NoContainer { .. } => "write container/blob, for example raw/holiday.mov",
            Self::Container { .. } => "container names have 3 to 63 of a-z, 0-9 and single hyphens",
            Self::Blob { .. } => "rename the blob, or choose another name for the output",
            // A URL may carry a signature: it is not repeated in the message.
            Self::Url => {
                "write container/blob of the configured storage account; valet mints the grants itself, \
                 and a SAS URL on a command line can be read by every user of this machine"
            }
        }
    }
}

impl BlobAddress {
    /// Joins two names after checking both.
    ///
    /// # Errors
    /// When either name breaks Azure's rules.
    pub fn new(container: &str, blob: &str) -> Result<Self, AddressError> {
        Self::from_text(format!("{container}/{blob}"))
    }

    /// Checks and takes an owned text without copying it.
    ///
    /// # Errors
    /// As [`BlobAddress::new`].
    pub fn from_text(text: String) -> Result<Self, AddressError> {
        if is_url(&text) {
            return Err(AddressError::Url);
        }
        let Some(container_bytes) = text.find('/') else { return Err(AddressError::NoContainer { text }) };
        if let Err(cause) = check_container_name(&text[..container_bytes]) {
            return Err(AddressError::Container { text, cause });
        }
        if let Err(cause) = check_blob_name(&text[container_bytes + 1..]) {
            return Err(AddressError::Blob { text, cause });
        }
        Ok(Self { text, container_bytes })
    }

    /// The blob container's name.
    pub fn container(&self) -> &str {
        &self.text[..self.container_bytes]
    }

    /// The blob's name within its container.
    pub fn blob(&self) -> &str {
        &self.text[self.container_bytes + 1..]
    }

    /// `container/blob`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Whether a text is a URL, or the part of one that carries a signature: it must not be repeated in messages.
pub(crate) fn is_url(text: &str) -> bool {
    ["://", "?sig=", "&sig="].iter().any(|part| text.contains(part))
}

impl FromStr for BlobAddress {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::from_text(text.to_owned())
    }
}

impl fmt::Display for BlobAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl serde::Serialize for BlobAddress {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl<'de> serde::Deserialize<'de> for BlobAddress {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::from_text(String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}
