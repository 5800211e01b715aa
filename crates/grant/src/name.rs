//! Names that a blob and a blob container may have. Stricter than the service where the service, the emulator or
//! an HTTP client would change the name under way. Never repeats a name in an error: it may come from a URL.

use crate::limits::{BLOB_NAME_CHARS_MAX, BLOB_NAME_SEGMENTS_MAX, CONTAINER_NAME_CHARS};

/// Why a blob name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlobNameError {
    /// No characters.
    #[error("the blob name is empty")]
    Empty,
    /// Over [`BLOB_NAME_CHARS_MAX`].
    #[error("the blob name has {chars} characters, {BLOB_NAME_CHARS_MAX} are allowed")]
    TooLong {
        /// Its length in UTF-16 code units.
        chars: usize,
    },
    /// Over [`BLOB_NAME_SEGMENTS_MAX`].
    #[error("the blob name has {segments} path segments, {BLOB_NAME_SEGMENTS_MAX} are allowed")]
    TooManySegments {
        /// How many it has.
        segments: usize,
    },
    /// The service turns `\` into `/`, so the signature would be for another name.
    #[error("the blob name holds a backslash, which storage turns into a slash")]
    Backslash,
    /// C0, C1 or DEL.
    #[error("the blob name holds a control character")]
    Control,
    /// HTTP clients collapse `.` and `..`, even as `%2e%2e`.
    #[error("the blob name holds a `.` or `..` segment, which HTTP clients collapse")]
    DotSegment,
    /// `//`, or a slash at an end.
    #[error("the blob name starts or ends with a slash or holds an empty segment")]
    EmptySegment,
    /// Some tools strip the dot.
    #[error("a segment of the blob name ends with a dot")]
    TrailingDot,
}

impl BlobNameError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Empty => "name one blob",
            Self::TooLong { .. } | Self::TooManySegments { .. } => "use a shorter or flatter name",
            Self::Backslash => "use `/` between segments",
            Self::Control => "remove control characters from the name",
            Self::DotSegment | Self::EmptySegment | Self::TrailingDot => {
                "give each segment between slashes a name that does not end with a dot"
            }
        }
    }
}

/// Checks a blob name (decoded, without the container) against the rules that every grant keeps.
///
/// # Errors
/// The first rule that the name breaks.
pub fn check_blob_name(name: &str) -> Result<(), BlobNameError> {
    // Names are checked many times on their way, and nearly all are plain: one pass tells. Only what is not
    // plain is asked, rule by rule, what is wrong with it; perhaps nothing (`é`).
    if is_plain_blob_name(name) { Ok(()) } else { judge_blob_name(name) }
}

/// Whether the name is of ASCII alone and keeps every rule. `false` says nothing.
fn is_plain_blob_name(name: &str) -> bool {
    let mut slashes = 0;
    // As if a slash came first: the first segment may not be empty either.
    let mut before = b'/';
    for byte in name.bytes() {
        match byte {
            b'/' if matches!(before, b'/' | b'.') => return false,
            b'/' => slashes += 1,
            b'\\' | 0..b' ' | 0x7f.. => return false,
            _ => {}
        }
        before = byte;
    }
    // The bounds are characters and segments; of ASCII, a character is a byte.
    !matches!(before, b'/' | b'.') && name.len() <= BLOB_NAME_CHARS_MAX && slashes < BLOB_NAME_SEGMENTS_MAX
}

fn judge_blob_name(name: &str) -> Result<(), BlobNameError> {
    let chars = name.encode_utf16().count();
    let segments = name.split('/').count();
    match () {
        () if name.is_empty() => Err(BlobNameError::Empty),
        () if chars > BLOB_NAME_CHARS_MAX => Err(BlobNameError::TooLong { chars }),
        () if segments > BLOB_NAME_SEGMENTS_MAX => Err(BlobNameError::TooManySegments { segments }),
        () if name.contains('\\') => Err(BlobNameError::Backslash),
        () if name.contains(char::is_control) => Err(BlobNameError::Control),
        () => name.split('/').try_for_each(check_segment),
    }
}

fn check_segment(segment: &str) -> Result<(), BlobNameError> {
    match segment {
        "" => Err(BlobNameError::EmptySegment),
        "." | ".." => Err(BlobNameError::DotSegment),
        _ if segment.ends_with('.') => Err(BlobNameError::TrailingDot),
        _ => Ok(()),
    }
}

/// Why the name of a blob container is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContainerNameError {
    /// Outside [`CONTAINER_NAME_CHARS`].
    #[error("the blob container's name has {chars} characters, 3 to 63 are allowed")]
    Length {
        /// Its length in characters.
        chars: usize,
    },
    /// Something else than `a-z`, `0-9` and `-`.
    #[error("the blob container's name holds something else than a-z, 0-9 and `-`")]
    Character,
    /// A hyphen first, last or doubled.
    #[error("the blob container's name has a hyphen at an end or two in a row")]
    Hyphen,
}

impl ContainerNameError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        "use 3 to 63 characters of a-z, 0-9 and single hyphens between them"
    }
}

/// Checks the name of a blob container. The system containers ([`is_system_container`]) pass: tools read them;
/// that no job grant opens one is rule SAS018.
///
/// # Errors
/// The first rule that the name breaks.
pub fn check_container_name(name: &str) -> Result<(), ContainerNameError> {
    if is_plain_container_name(name) || is_system_container(name) {
        return Ok(());
    }
    judge_container_name(name)
}

/// Whether the name keeps every rule: the same as [`judge_container_name`], in one pass.
fn is_plain_container_name(name: &str) -> bool {
    let mut before = b'-';
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => {}
            b'-' if before != b'-' => {}
            _ => return false,
        }
        before = byte;
    }
    before != b'-' && CONTAINER_NAME_CHARS.contains(&name.len())
}

fn judge_container_name(name: &str) -> Result<(), ContainerNameError> {
    let chars = name.chars().count();
    match () {
        () if !CONTAINER_NAME_CHARS.contains(&chars) => Err(ContainerNameError::Length { chars }),
        () if !name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')) => {
            Err(ContainerNameError::Character)
        }
        () if name.starts_with('-') || name.ends_with('-') || name.contains("--") => {
            Err(ContainerNameError::Hyphen)
        }
        () => Ok(()),
    }
}

/// Whether storage itself gives this container a meaning: the root container, logs, a static website.
pub fn is_system_container(name: &str) -> bool {
    matches!(name, "$root" | "$logs" | "$web" | "$blobchangefeed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_but_legal_blob_names_pass() {
        for name in ["a", "jobs/42/in put.mp4", "ü/é+%20?#&", "a..b", ".hidden/x", "🎬", "[]{}|^`;,@:$'\""]
        {
            assert_eq!(check_blob_name(name), Ok(()), "{name}");
        }
        assert_eq!(check_blob_name(&"a".repeat(1024)), Ok(()));
        assert_eq!(check_blob_name(&vec!["a"; 254].join("/")), Ok(()));
    }

    #[test]
    fn blob_names_that_change_under_way_are_refused() {
        use BlobNameError as E;
        for (name, error) in [
            ("", E::Empty),
            ("a\\b", E::Backslash),
            ("a\u{85}", E::Control),
            ("a\0", E::Control),
            ("a/../b", E::DotSegment),
            ("./a", E::DotSegment),
            ("a//b", E::EmptySegment),
            ("a/", E::EmptySegment),
            ("/a", E::EmptySegment),
            ("a./b", E::TrailingDot),
        ] {
            assert_eq!(check_blob_name(name), Err(error), "{name:?}");
        }
        assert_eq!(check_blob_name(&"a".repeat(1025)), Err(E::TooLong { chars: 1025 }));
        assert_eq!(check_blob_name(&vec!["a"; 255].join("/")), Err(E::TooManySegments { segments: 255 }));
    }

    #[test]
    fn the_quick_pass_never_says_otherwise() {
        let pieces =
            ["", "a", "-", ".", "..", "/", "\\", "\0", "\u{7f}", "\u{85}", "é", "🎬", " ", "A", "$root"];
        let long = ["a".repeat(1024), "a".repeat(1025), vec!["a"; 254].join("/"), vec!["a"; 255].join("/")];
        let short = pieces.iter().flat_map(|a| pieces.map(|b| (*a, b)));
        let names = short.flat_map(|(a, b)| pieces.map(|c| format!("{a}{b}{c}"))).chain(long);
        for name in names {
            if is_plain_blob_name(&name) {
                assert_eq!(judge_blob_name(&name), Ok(()), "{name:?}");
            }
            let judged = judge_container_name(&name).is_ok();
            assert_eq!(is_plain_container_name(&name), judged, "{name:?}");
        }
    }

    #[test]
    fn container_names_follow_azure() {
        use ContainerNameError as E;
        for name in ["abc", "media-in", "0-0", "$root", "$web", "$logs"] {
            assert_eq!(check_container_name(name), Ok(()), "{name}");
        }
        for (name, error) in [
            ("ab", E::Length { chars: 2 }),
            ("Abc", E::Character),
            ("a_b", E::Character),
            ("a--b", E::Hyphen),
            ("-ab", E::Hyphen),
            ("ab-", E::Hyphen),
            ("$other", E::Character),
        ] {
            assert_eq!(check_container_name(name), Err(error), "{name}");
        }
    }
}
