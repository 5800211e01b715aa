//! A text that does not print and leaves memory with its owner.
//! Must never gain `Clone`, `Display`, `Serialize` or a `Debug` with content.

use std::fmt;
use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

/// The most that a secret's file may hold, in bytes: a PEM chain fits, a log file given by mistake does not.
pub const SECRET_FILE_BYTES_MAX: u64 = 8 * 1024;

/// A password or key; zeroized on drop.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over, without a copy.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself; the one greppable way out.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }

    /// The trimmed content of a file of at most [`SECRET_FILE_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// A problem in words, without any content: unreadable, too large, not UTF-8, empty.
    pub(crate) fn from_file(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let name = name.escape_debug();
        let text = read_text(path).map_err(|problem| format!("names the file {name}, which {problem}"))?;
        match text.trim() {
            "" => Err(format!("names the file {name}, which is empty")),
            trimmed => Ok(Self::new(trimmed.to_owned())),
        }
    }
}

fn read_text(path: &Path) -> Result<Zeroizing<String>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {}", error.kind());
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // Reserved whole: a buffer that grows leaves copies of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_FILE_BYTES_MAX as usize + 1));
    file.take(SECRET_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > SECRET_FILE_BYTES_MAX {
        return Err(format!("is larger than {SECRET_FILE_BYTES_MAX} bytes"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "is not UTF-8 text".to_owned())?;
    Ok(Zeroizing::new(text.to_owned()))
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
