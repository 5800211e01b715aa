//! ffmpeg: only workers need it; a machine that submits and works at once has it too.
//! Looks for the files and starts nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::Report;
use crate::failure::Outcome;

pub(super) fn check(report: &mut Report<'_>) -> Outcome {
    for name in ["ffmpeg", "ffprobe"] {
        match find(name) {
            Some(path) => report.ok(name, path.display().to_string())?,
            None => report.warn(name, "is not in PATH", "only workers need it: install ffmpeg there")?,
        }
    }
    Ok(())
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| {
        file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    })
}
