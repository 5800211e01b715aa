//! Settings about the keys that open sealed grants: files, never values.

use std::path::{Path, PathBuf};

use valet_settings::Reader;

use super::JailConfig;
use crate::fleet::Fleet;

const KEY: &str = "worker.fleet_key_files";

/// The keys of the files that are named; none where none is. A file that cannot be used is noted as a mistake.
pub(super) fn fleet(reader: &mut Reader, scratch: &Path, jail: Option<&JailConfig>) -> Option<Fleet> {
    let files: Vec<PathBuf> = reader.or(KEY, Vec::<String>::new()).into_iter().map(PathBuf::from).collect();
    let roots = jail.map(|jail| jail.roots.as_path());
    for file in &files {
        if let Some(problem) = misplaced(file, [Some(scratch), roots]) {
            // Not repeated: it may be a key itself.
            reader.refuse(KEY, problem);
            return None;
        }
    }
    Fleet::read(files)
        .map_err(|error| {
            let why = std::error::Error::source(&error).map(|why| format!(": {why}")).unwrap_or_default();
            reader.refuse(KEY, format!("is refused: {error}{why}; {}", error.advice()));
        })
        .ok()
}

/// Why a file may not be there. Its folder stays readable to the worker, so that keys can be changed while it runs.
fn misplaced(file: &Path, jails: [Option<&Path>; 2]) -> Option<&'static str> {
    if !file.is_absolute() {
        return Some("takes the absolute paths of files, never a key itself");
    }
    let shared = ["/", "/etc", "/home", "/root", "/tmp", "/usr", "/var", "/var/lib"].map(Path::new);
    if file.parent().is_none_or(|folder| shared.contains(&folder)) {
        return Some("names a file in a folder that others share: the keys need one of their own");
    }
    let inside = jails.into_iter().flatten().any(|jail| file.starts_with(jail));
    inside.then_some("names a file in the scratch or in the codec's root, where codecs are")
}
