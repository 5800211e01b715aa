//! The directory that keeps roots from one start to the next. What lies in it is believed only after comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;

use super::RootError;
use super::content::{self, Item, Plan};

/// Everyone may read and enter, since the jail has an id of its own; only we may write.
const DIRECTORY_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;
const PROGRAM_MODE: u32 = 0o755;

/// A cache that is ours.
#[derive(Debug)]
pub(super) struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// Makes the directory if need be, and checks that nobody else can write in it.
    pub(super) fn open(directory: &Path) -> Result<Self, RootError> {
        let failed = |cause| RootError::Cache { path: directory.to_owned(), cause };
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
        let directory = directory.canonicalize().map_err(failed)?;
        let metadata = fs::metadata(&directory).map_err(failed)?;
        if metadata.uid() != us() || metadata.mode() & 0o022 != 0 {
            return Err(RootError::CacheNotOurs(directory));
        }
        let flags = rustix::fs::statvfs(&directory).map_err(|cause| failed(cause.into()))?.f_flag;
        if flags.contains(StatVfsMountFlags::NOEXEC) {
            return Err(RootError::CacheNoExec(directory));
        }
        Ok(Self { directory })
    }

    /// The root of this plan; and what was wrong with the one that was there.
    pub(super) fn root(&self, plan: &Plan) -> Result<(PathBuf, Option<String>), RootError> {
        let root = self.directory.join(plan.key());
        if check(&root, plan).is_ok() {
            return Ok((root, None));
        }
        // Another worker may be building the same one: look again once it is done.
        let _lock = self.lock()?;
        let damage = match check(&root, plan) {
            Ok(()) => return Ok((root, None)),
            Err(Damage::Missing) => None,
            Err(Damage::Other(what)) => Some(what),
        };
        self.build(&root, plan)?;
        Ok((root, damage))
    }

    /// Held until the file is closed.
    fn lock(&self) -> Result<File, RootError> {
        let path = self.directory.join("lock");
        let failed = |cause| RootError::Cache { path: path.clone(), cause };
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        let file = options.open(&path).map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(file)
    }

    /// Builds beside, compares, and puts it in place as a whole.
    fn build(&self, root: &Path, plan: &Plan) -> Result<(), RootError> {
        let partial = root.with_extension("partial");
        let failed = |cause| RootError::Cache { path: partial.clone(), cause };
        remove(&partial).map_err(failed)?;
        for item in &plan.items {
            place(&partial, item)
                .map_err(|cause| RootError::Copy { path: partial.join(&item.inside), cause })?;
        }
        open_directories(&partial).map_err(failed)?;
        // Also catches a source that changed between its hash and its copy.
        if let Err(damage) = check(&partial, plan) {
            return Err(RootError::Changed(damage.to_string()));
        }
        fs::write(root.with_extension("manifest"), plan.manifest()).map_err(failed)?;
        self.swap(root, &partial).map_err(failed)
    }

    fn swap(&self, root: &Path, partial: &Path) -> io::Result<()> {
        let broken = root.with_extension("broken");
        remove(&broken)?;
        match fs::rename(root, &broken) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(partial, root)?;
        remove(&broken)
    }
}

/// Why a root cannot be used.
#[derive(Debug, thiserror::Error)]
enum Damage {
    #[error("it is missing")]
    Missing,
    #[error("{0}")]
    Other(String),
}

/// Compares a root with its plan: these files, these bytes, nothing else, writable by us alone.
fn check(root: &Path, plan: &Plan) -> Result<(), Damage> {
    let items: BTreeMap<&str, &Item> = plan.items.iter().map(|item| (item.inside.as_str(), item)).collect();
    let mut found = BTreeSet::new();
    match fs::symlink_metadata(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Damage::Missing),
        _ => walk(root, "", &items, &mut found)?,
    }
    if let Some(missing) = plan.items.iter().find(|item| !found.contains(&item.inside)) {
        return Err(Damage::Other(format!("{} is missing", missing.inside)));
    }
    let paths: Vec<_> = plan.items.iter().map(|item| root.join(&item.inside)).collect();
    let paths: Vec<_> = paths.iter().map(PathBuf::as_path).collect();
    let contents = content::hash(&paths)
        .map_err(|(path, cause)| Damage::Other(format!("{} cannot be read: {cause}", path.display())))?;
    match plan.items.iter().zip(contents).find(|(item, content)| item.content != *content) {
        Some((item, _)) => Err(Damage::Other(format!("{} has other content", item.inside))),
        None => Ok(()),
    }
}

/// Everything below `inside`, which must be expected and as expected but for its content.
fn walk(
    root: &Path,
    inside: &str,
    items: &BTreeMap<&str, &Item>,
    found: &mut BTreeSet<String>,
) -> Result<(), Damage> {
    let other =
        |what: &str| Damage::Other(format!("{} {what}", if inside.is_empty() { "the root" } else { inside }));
    let path = root.join(inside);
    let metadata = fs::symlink_metadata(&path).map_err(|cause| other(&format!("cannot be read: {cause}")))?;
    if metadata.uid() != us() {
        return Err(other("belongs to somebody else"));
    }
    let mode = metadata.mode() & 0o7777;
    if metadata.is_dir() {
        if mode != DIRECTORY_MODE {
            return Err(other("has other permissions"));
        }
        for entry in fs::read_dir(&path).map_err(|cause| other(&format!("cannot be read: {cause}")))? {
            let name = entry.map_err(|cause| other(&format!("cannot be read: {cause}")))?.file_name();
            let name = name.to_str().ok_or_else(|| other("holds a strange name"))?;
            walk(
                root,
                &if inside.is_empty() { name.to_owned() } else { format!("{inside}/{name}") },
                items,
                found,
            )?;
        }
        // The files above made their directories; others would be somebody else's.
        let prefix = format!("{inside}/");
        let used = inside.is_empty() || items.keys().any(|item| item.starts_with(&prefix));
        return if used { Ok(()) } else { Err(other("is not part of it")) };
    }
    let Some(item) = items.get(inside) else { return Err(other("is not part of it")) };
    if !metadata.is_file() {
        return Err(other("is no plain file"));
    }
    if mode != file_mode(item) || metadata.len() != item.content.bytes {
        return Err(other("has other permissions or another size"));
    }
    found.insert(inside.to_owned());
    Ok(())
}

fn place(partial: &Path, item: &Item) -> io::Result<()> {
    let path = partial.join(&item.inside);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match &item.from {
        Some(from) => drop(fs::copy(from, &path)?),
        None => drop(File::create_new(&path)?),
    }
    fs::set_permissions(&path, Permissions::from_mode(file_mode(item)))
}

/// Gives each directory its permissions, whatever our umask made of them.
fn open_directories(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, Permissions::from_mode(DIRECTORY_MODE))?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_directories(&entry.path())?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn file_mode(item: &Item) -> u32 {
    if item.executable { PROGRAM_MODE } else { FILE_MODE }
}

fn us() -> u32 {
    rustix::process::geteuid().as_raw()
}
