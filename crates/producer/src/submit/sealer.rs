//! Seals the grants of a message to the fleet's current key.
//! Must never let a message go open that was to be sealed, and never hold a private key.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use valet_protocol::{Binding, Grants, JobMessage};
use valet_seal::{FleetPublicKey, FleetPublicKeys, KeyError, KeyFileError, SealError};

/// The fleet's list of public keys, looked at again whenever its file changes: a reminter runs for months.
#[derive(Debug, Clone)]
pub struct Sealer {
    path: Arc<Path>,
    current: Arc<Mutex<Current>>,
}

#[derive(Debug)]
struct Current {
    changed: Option<SystemTime>,
    key: FleetPublicKey,
}

impl Sealer {
    /// Seals to the first key of this file.
    ///
    /// # Errors
    /// When the file holds no list of public keys.
    pub fn open(path: PathBuf) -> Result<Self, KeyFileError> {
        let current = Current { changed: changed(&path), key: first(&path)? };
        Ok(Self { path: path.into(), current: Arc::new(Mutex::new(current)) })
    }

    /// The message with its grants sealed; one that is sealed stays as it is.
    ///
    /// # Errors
    /// When they cannot be sealed.
    pub fn seal(&self, message: JobMessage) -> Result<JobMessage, SealError> {
        let Some((input, output)) = message.grants.urls() else { return Ok(message) };
        let sealed = self.key().seal(&Binding::of(&message), input, output)?;
        Ok(JobMessage { grants: Grants::Sealed(sealed), ..message })
    }

    /// The key as of now. A list that has become unreadable leaves the one before.
    fn key(&self) -> FleetPublicKey {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = changed(&self.path);
        if changed != current.changed {
            match first(&self.path) {
                Ok(key) => *current = Current { changed, key },
                Err(error) => {
                    tracing::warn!(%error, kid = current.key.kid(), "sealing to the key known so far")
                }
            }
        }
        current.key.clone()
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|it| it.modified()).ok()
}

fn first(path: &Path) -> Result<FleetPublicKey, KeyFileError> {
    let keys = FleetPublicKeys::read(path)?;
    let empty = || KeyFileError::Key { path: path.to_owned(), cause: KeyError::Empty };
    keys.first().cloned().ok_or_else(empty)
}
