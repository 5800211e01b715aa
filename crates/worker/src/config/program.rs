//! Where the codec's programs are. Never started here.

use std::path::{Path, PathBuf};

use valet_settings::Reader;

/// An executable: a path as given, or a name looked up in PATH. Found now, since a codec runs without an
/// environment.
pub(super) fn program(reader: &mut Reader, key: &str, default: &str) -> Option<PathBuf> {
    let given = reader.or(key, PathBuf::from(default));
    let found = find_program(&given, std::env::var_os("PATH").as_deref());
    if found.is_none() {
        let shown = given.display().to_string();
        reader.refuse(
            key,
            format!(
                "names {}, which is no program here; install ffmpeg or give its path",
                shown.escape_debug()
            ),
        );
    }
    found
}

pub(super) fn find_program(given: &Path, search: Option<&std::ffi::OsStr>) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let runs = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    if given.components().count() > 1 {
        return std::path::absolute(given).ok().filter(runs);
    }
    std::env::split_paths(search?).map(|directory| directory.join(given)).find(runs)
}
