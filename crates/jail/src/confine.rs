//! The worker's own walls: what it may read, write and connect to. Nothing may be executed.

use std::path::PathBuf;

/// What the worker may still do.
#[derive(Debug, Clone, Default)]
pub struct Confinement {
    /// Files and directories that it may read.
    pub read: Vec<PathBuf>,
    /// Directories that it may read and change.
    pub write: Vec<PathBuf>,
    /// TCP ports that it may connect to; none: any.
    pub tcp_ports: Option<Vec<u16>>,
}

/// What the kernel enforces of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confined {
    /// The kernel's Landlock version; 0: none, nothing is enforced but no_new_privs.
    pub abi: u32,
    /// Whether files are confined.
    pub files: bool,
    /// Whether TCP ports are confined (Landlock 4, Linux 6.7).
    pub tcp: bool,
}

/// Confines the calling thread and all threads that it starts later.
///
/// # Errors
/// A path cannot be opened, or the kernel refuses.
pub fn confine(confinement: &Confinement) -> Result<Confined, ConfineError> {
    let _ = confinement;
    Ok(Confined { abi: 0, files: false, tcp: false })
}

/// The worker could not be confined.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {}
