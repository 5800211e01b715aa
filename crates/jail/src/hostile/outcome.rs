//! What came of an attempt, as one line.

use std::io;

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It got this.
    Did(String),
    /// It was refused with this.
    Refused(String),
    /// It could not be made.
    Broken(String),
}

impl Outcome {
    /// Writes the line, bare: no buffer survives the end of this process.
    pub(super) fn say(&self) {
        let line = match self {
            Self::Did(what) => format!("did: {}\n", one_line(what)),
            Self::Refused(by) => format!("refused: {}\n", one_line(by)),
            Self::Broken(why) => format!("broken: {}\n", one_line(why)),
        };
        // SAFETY: `line` is alive and as long as said. A short or failed write leaves no line, which counts as broken.
        unsafe { libc::write(libc::STDOUT_FILENO, line.as_ptr().cast(), line.len()) };
    }

    /// The outcome of an operation that succeeds where the wall is missing.
    pub(super) fn of<T>(result: io::Result<T>, did: impl FnOnce(T) -> String) -> Self {
        match result {
            Ok(value) => Self::Did(did(value)),
            Err(error) => Self::refused(&error),
        }
    }

    /// The outcome of a bare system call.
    pub(super) fn of_call(result: libc::c_long, did: &str) -> Self {
        if result < 0 { Self::refused(&io::Error::last_os_error()) } else { Self::Did(did.to_owned()) }
    }

    pub(super) fn refused(error: &io::Error) -> Self {
        Self::Refused(error.raw_os_error().map_or_else(|| error.to_string(), errno_name))
    }
}

fn one_line(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The usual name of an error's number.
pub(crate) fn errno_name(errno: i32) -> String {
    let name = match errno {
        libc::EPERM => "EPERM",
        libc::ENOENT => "ENOENT",
        libc::ESRCH => "ESRCH",
        libc::EINTR => "EINTR",
        libc::EIO => "EIO",
        libc::ENXIO => "ENXIO",
        libc::ENOEXEC => "ENOEXEC",
        libc::EBADF => "EBADF",
        libc::EAGAIN => "EAGAIN",
        libc::ENOMEM => "ENOMEM",
        libc::EACCES => "EACCES",
        libc::EFAULT => "EFAULT",
        libc::EBUSY => "EBUSY",
        libc::EEXIST => "EEXIST",
        libc::ENODEV => "ENODEV",
        libc::ENOTDIR => "ENOTDIR",
        libc::EISDIR => "EISDIR",
        libc::EINVAL => "EINVAL",
        libc::EMFILE => "EMFILE",
        libc::ENFILE => "ENFILE",
        libc::ETXTBSY => "ETXTBSY",
        libc::EFBIG => "EFBIG",
        libc::ENOSPC => "ENOSPC",
        libc::EROFS => "EROFS",
        libc::EPIPE => "EPIPE",
        libc::ENOSYS => "ENOSYS",
        libc::ELOOP => "ELOOP",
        libc::EPROTONOSUPPORT => "EPROTONOSUPPORT",
        libc::ESOCKTNOSUPPORT => "ESOCKTNOSUPPORT",
        libc::EOPNOTSUPP => "EOPNOTSUPP",
        libc::EAFNOSUPPORT => "EAFNOSUPPORT",
        libc::EADDRINUSE => "EADDRINUSE",
        libc::ENETUNREACH => "ENETUNREACH",
        libc::ECONNRESET => "ECONNRESET",
        libc::ETIMEDOUT => "ETIMEDOUT",
        libc::ECONNREFUSED => "ECONNREFUSED",
        libc::EUSERS => "EUSERS",
        libc::EXDEV => "EXDEV",
        libc::E2BIG => "E2BIG",
        _ => return format!("errno {errno}"),
    };
    name.to_owned()
}

/// A system call of plain numbers, null pointers and constants, and what its success means.
macro_rules! call {
    ($did:literal, $number:ident $(, $argument:expr)* $(,)?) => {{
        // SAFETY: the arguments are plain numbers, null, or point to values that live until the call returns and that
        // it may change. Where the wall is missing, the call changes this process alone.
        let result = unsafe { libc::syscall(libc::$number $(, $argument)*) };
        $crate::hostile::outcome::Outcome::of_call(result, $did)
    }};
}
pub(super) use call;
