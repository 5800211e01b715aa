//! Files of keys, read and replaced whole: whoever reads meanwhile sees the old keys or the new ones.
//! Must never leave a private key readable to others, for no moment.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use valet_seal::{FleetPrivateKey, FleetPrivateKeys, FleetPublicKeys, KeyError, KeyFileError, SealError};

use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

const PRIVATE: u32 = 0o600;
const PUBLIC: u32 = 0o644;

/// The list in a file; none yet where there is no file.
pub(super) fn read_public(path: &Path) -> Outcome<FleetPublicKeys> {
    match path.try_exists() {
        Ok(false) => Ok(FleetPublicKeys::default()),
        _ => FleetPublicKeys::read(path).map_err(|error| of_file(&error)),
    }
}

/// The private keys of a file.
pub(super) fn read_private(path: &Path) -> Outcome<FleetPrivateKeys> {
    FleetPrivateKeys::read(&[path]).map_err(|error| of_file(&error))
}

/// A new key.
pub(super) fn generate(kid: Option<&str>) -> Outcome<FleetPrivateKey> {
    FleetPrivateKey::generate(kid).map_err(|error: SealError| Failure::from_error(Exit::Internal, &error))
}

pub(super) fn write_private(path: &Path, keys: &FleetPrivateKeys) -> Outcome {
    write(path, keys.to_json().as_bytes(), PRIVATE).map_err(|error| of_write(path, &error))
}

pub(super) fn write_public(path: &Path, keys: &FleetPublicKeys) -> Outcome {
    write(path, keys.to_json().as_bytes(), PUBLIC).map_err(|error| of_write(path, &error))
}

pub(super) fn of_key(error: &KeyError) -> Failure {
    Failure::from_error(Exit::Data, error).advise("give the key another name by --kid")
}

fn of_file(error: &KeyFileError) -> Failure {
    Failure::from_error(Exit::Data, error).advise(error.advice())
}

fn of_write(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Config, format!("cannot write {}", path.display()))
        .because(error)
        .advise("check that its folder is there and may be written to; nothing of the old file is lost")
}

/// A file of mode 0600 beside it, then in its place, with the owner and the rights of the one before.
fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    let old = fs::metadata(path).ok();
    if let Some(old) = &old {
        let new = file.as_file().metadata()?;
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            chown(file.path(), Some(old.uid()), Some(old.gid()))?;
        }
    }
    let mode = old.map_or(mode, |old| old.mode() & 0o777);
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
