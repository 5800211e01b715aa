//! The fleet's private keys in this worker: they open the grants of messages that are sealed.
//! Must never be within reach of a codec, and never leave this process's memory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use valet_protocol::{Binding, Grants, JobMessage};
use valet_seal::{FleetPrivateKeys, KeyFileError, OpenError};

use crate::cause::Cause;
use crate::logs::chain;

/// The keys, and where they come from.
#[derive(Debug, Default)]
pub struct Fleet {
    files: Vec<PathBuf>,
    keys: RwLock<Arc<FleetPrivateKeys>>,
}

impl Fleet {
    /// Reads the keys' files.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read(files: Vec<PathBuf>) -> Result<Self, KeyFileError> {
        let keys = FleetPrivateKeys::read(&files)?;
        Ok(Self { files, keys: RwLock::new(Arc::new(keys)) })
    }

    /// The files.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The message with its grants open, or as it was with the cause why they stay shut. The body that the broker
    /// keeps stays sealed in either case.
    #[must_use]
    pub fn open(&self, message: JobMessage) -> (JobMessage, Option<Cause>) {
        let Grants::Sealed(sealed) = &message.grants else { return (message, None) };
        let binding = Binding::of(&message);
        let opened = match self.keys().open(sealed, &binding) {
            // It may be newer than what was read at start.
            Err(OpenError::UnknownKey { .. }) => self.read_again().open(sealed, &binding),
            opened => opened,
        };
        match opened {
            Ok((input, output)) => (JobMessage { grants: Grants::Open { input, output }, ..message }, None),
            Err(error) => (message, Some(Cause::Sealed(error))),
        }
    }

    fn keys(&self) -> Arc<FleetPrivateKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The keys as the files have them now. A file that cannot be used leaves the old ones.
    fn read_again(&self) -> Arc<FleetPrivateKeys> {
        match FleetPrivateKeys::read(&self.files) {
            Ok(keys) => {
                let keys = Arc::new(keys);
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&keys);
                keys
            }
            Err(error) => {
                tracing::error!(
                    error = chain(&error),
                    advice = error.advice(),
                    "cannot read the fleet's keys again"
                );
                self.keys()
            }
        }
    }
}

/// The folders that a worker must still read when its keys are changed: a file is replaced, not rewritten.
pub fn folders(files: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    files.iter().filter_map(|file| file.parent()).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use jiff::{SignedDuration, Timestamp};
    use valet_protocol::Reason;
    use valet_seal::FleetPrivateKey;

    use super::*;
    use crate::disposition::{Class, case_of};
    use crate::sample::job;

    struct Site {
        folder: tempfile::TempDir,
        keys: FleetPrivateKeys,
    }

    impl Site {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), keys: FleetPrivateKeys::default() }
        }

        fn add(&mut self, kid: &str) {
            self.keys.add(FleetPrivateKey::generate(Some(kid)).unwrap()).unwrap();
            // As the verbs do it: a new file in the old one's place.
            let new = self.folder.path().join("new");
            fs::write(&new, self.keys.to_json().as_bytes()).unwrap();
            fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
            fs::rename(new, self.file()).unwrap();
        }

        fn file(&self) -> PathBuf {
            self.folder.path().join("fleet.json")
        }

        fn sealed(&self, kid: &str) -> JobMessage {
            let message = job(Timestamp::now());
            let key = self.keys.iter().find(|key| key.kid() == kid).unwrap().public();
            let (input, output) = message.grants.urls().unwrap();
            let sealed = key.seal(&Binding::of(&message), input, output).unwrap();
            JobMessage { grants: Grants::Sealed(sealed), ..message }
        }
    }

    fn refused(fleet: &Fleet, message: JobMessage) -> (Class, Option<Reason>) {
        let (message, cause) = fleet.open(message);
        assert!(message.grants.urls().is_none());
        let case = case_of(&cause.unwrap());
        (case.class(), case.reason())
    }

    #[test]
    fn a_key_that_came_after_the_start_opens_without_a_restart() {
        let mut site = Site::new();
        site.add("old");
        let fleet = Fleet::read(vec![site.file()]).unwrap();
        site.add("new");
        for kid in ["old", "new", "old"] {
            let (message, cause) = fleet.open(site.sealed(kid));
            assert!(cause.is_none(), "{kid}: {cause:?}");
            let (input, _) = message.grants.urls().unwrap();
            assert!(input.expose_url().contains("/in/a.mov?"), "{input}");
        }
    }

    #[test]
    fn a_sealed_job_of_an_unknown_key_or_of_another_message_is_refused_for_good() {
        let mut site = Site::new();
        site.add("k");
        let fleet = Fleet::read(vec![site.file()]).unwrap();
        let mut moved = site.sealed("k");
        moved.not_after += SignedDuration::from_hours(1);
        assert_eq!(refused(&fleet, moved), (Class::Permanent, Some(Reason::SealedRefused)));
        let mut stranger = Site::new();
        stranger.add("other");
        let unknown = stranger.sealed("other");
        assert_eq!(refused(&fleet, unknown.clone()), (Class::Permanent, Some(Reason::SealedKeyUnknown)));
        assert_eq!(refused(&Fleet::default(), unknown), (Class::Permanent, Some(Reason::SealedKeyUnknown)));
    }

    #[test]
    fn a_file_that_breaks_later_leaves_the_keys_that_were_read() {
        let mut site = Site::new();
        site.add("old");
        let fleet = Fleet::read(vec![site.file()]).unwrap();
        site.add("new");
        let new = site.sealed("new");
        fs::set_permissions(site.file(), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(refused(&fleet, new), (Class::Permanent, Some(Reason::SealedKeyUnknown)));
        assert!(fleet.open(site.sealed("old")).1.is_none());
    }

    #[test]
    fn an_open_message_needs_no_key() {
        let message = job(Timestamp::now());
        let (opened, cause) = Fleet::default().open(message.clone());
        assert!(cause.is_none());
        assert_eq!(opened, message);
    }
}
