//! The scratch file that an input lands in: written at any offset, off the async threads.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
};

use tokio::task::spawn_blocking;

/// An open scratch file of known length.
#[derive(Debug, Clone)]
pub(crate) struct Scratch(Arc<File>);

impl Scratch {
    /// Makes the file, readable by this user only, of `bytes` length. An old one is emptied.
    pub(crate) async fn create(path: &Path, bytes: u64) -> io::Result<Self> {
        let path = path.to_owned();
        let create = move || {
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
            file.set_len(bytes)?;
            Ok(Self(Arc::new(file)))
        };
        spawn_blocking(create).await.map_err(io::Error::other)?
    }

    pub(crate) fn file(&self) -> Arc<File> {
        Arc::clone(&self.0)
    }

    /// Writes `buffer` at `offset` and gives it back, emptied for its next use.
    pub(crate) async fn write_at(&self, mut buffer: Vec<u8>, offset: u64) -> io::Result<Vec<u8>> {
        let file = self.file();
        let write = move || {
            file.write_all_at(&buffer, offset)?;
            buffer.clear();
            Ok(buffer)
        };
        spawn_blocking(write).await.map_err(io::Error::other)?
    }
}
