//! MD5 and SHA-256 of a file's bytes in order, in constant memory.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use md5::Md5;
use sha2::{Digest, Sha256};

/// Bytes read at a time.
const READ_BYTES: usize = 256 << 10;

/// Bytes hashed in one visit to the blocking threads: some milliseconds' work.
const VISIT_BYTES: u64 = 8 << 20;

/// What a file's bytes hash to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// The file's length in bytes.
    pub bytes: u64,
    /// MD5 in base64, as `Content-MD5` writes it.
    pub md5: String,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// Reads `file` once and hashes it, off the async threads.
///
/// # Errors
/// When the file cannot be read, or shrinks meanwhile.
pub async fn hash_file(file: Arc<File>) -> io::Result<Digests> {
    // The length of an open file is in memory: no reason to leave this thread.
    let bytes = file.metadata()?.len();
    let mut hashing = Hashing::new(file);
    while hashing.bytes() < bytes {
        hashing = hashing.advance(bytes).await?;
    }
    Ok(hashing.finish())
}

/// A file that is hashed bit by bit as its bytes arrive.
pub(crate) struct Hashing {
    file: Arc<File>,
    md5: Md5,
    sha256: Sha256,
    bytes: u64,
    buffer: Vec<u8>,
}

impl Hashing {
    pub(crate) fn new(file: Arc<File>) -> Self {
        Self { file, md5: Md5::new(), sha256: Sha256::new(), bytes: 0, buffer: vec![0; READ_BYTES] }
    }

    /// How far the file is hashed.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Hashes on towards `end`, some way at least; the file must hold its bytes up to there.
    pub(crate) async fn advance(mut self, end: u64) -> io::Result<Self> {
        let end = end.min(self.bytes.saturating_add(VISIT_BYTES));
        let visit = move || self.hash_to(end).map(|()| self);
        tokio::task::spawn_blocking(visit).await.map_err(io::Error::other)?
    }

    fn hash_to(&mut self, end: u64) -> io::Result<()> {
        while self.bytes < end {
            let wanted = usize::try_from(end - self.bytes).unwrap_or(READ_BYTES).min(READ_BYTES);
            let part = &mut self.buffer[..wanted];
            self.file.read_exact_at(part, self.bytes)?;
            self.md5.update(&*part);
            self.sha256.update(&*part);
            self.bytes += wanted as u64;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Digests {
        Digests {
            bytes: self.bytes,
            md5: BASE64_STANDARD.encode(self.md5.finalize()),
            sha256: self.sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_hashes_to_the_published_values() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(b"abc", 0).unwrap();
        let digests = hash_file(Arc::new(file)).await.unwrap();
        assert_eq!(digests.bytes, 3);
        assert_eq!(digests.md5, "kAFQmDzST7DWlj99KOF/cg==");
        assert_eq!(digests.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[tokio::test]
    async fn an_empty_file_hashes_too() {
        let digests = hash_file(Arc::new(tempfile::tempfile().unwrap())).await.unwrap();
        assert_eq!((digests.bytes, digests.md5.as_str()), (0, "1B2M2Y8AsgTpgAmY7PhCfg=="));
    }
}
