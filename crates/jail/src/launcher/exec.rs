//! The last step: the codec's start, and what must be settled just before it.

use std::ffi::{CString, c_char};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr;

use crate::limits::OPEN_FILES_MAX;
use crate::wire::Task;
use crate::{Level, OUTPUT_DESCRIPTOR};

/// The codec's whole environment. Messages in English; two heaps for malloc instead of eight a processor, since each
/// reserves address space.
const ENVIRONMENT: [&str; 2] = ["LC_ALL=C", "MALLOC_ARENA_MAX=2"];

/// A program with everything that its start needs, so that the start itself allocates nothing.
pub(super) struct Program {
    file: CString,
    arguments: Words,
    environment: Words,
}

/// Words and a null-terminated array of pointers to them.
struct Words {
    pointers: Vec<*const c_char>,
    _words: Vec<CString>,
}

impl Program {
    /// The program that `task` starts, if it starts one.
    pub(super) fn of(task: &Task) -> io::Result<Option<Self>> {
        let Task::Exec { file, arguments } = task else { return Ok(None) };
        let program = Self {
            file: CString::new(file.as_str())?,
            arguments: Words::new(arguments.iter().map(String::as_str))?,
            environment: Words::new(ENVIRONMENT)?,
        };
        Ok(Some(program))
    }

    /// Where the file's name lies in memory; a filter admits this address alone.
    pub(super) fn file(&self) -> *const c_char {
        self.file.as_ptr()
    }

    /// Becomes the program; what is returned is why not.
    pub(super) fn start(self) -> io::Error {
        // SAFETY: a terminated name and two null-terminated arrays of terminated words, all alive until the call is over.
        unsafe {
            libc::execve(
                self.file.as_ptr(),
                self.arguments.pointers.as_ptr(),
                self.environment.pointers.as_ptr(),
            );
        }
        io::Error::last_os_error()
    }
}

impl Words {
    fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> io::Result<Self> {
        let words = words.into_iter().map(CString::new).collect::<Result<Vec<_>, _>>()?;
        let pointers = words.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect();
        Ok(Self { pointers, _words: words })
    }
}

/// No memory becomes executable that was not so from its start; the exec keeps this. Kernels before 6.3 do not know it
/// and go without: Landlock and the filters do not depend on it.
pub(super) fn refuse_new_code() -> io::Result<()> {
    const PR_SET_MDWE: i32 = 65;
    const REFUSE_EXEC_GAIN: libc::c_ulong = 1;
    const UNUSED: libc::c_ulong = 0; // checked by the kernel as a whole register
    // SAFETY: the call changes how this process may map memory, and takes no pointers.
    let done = unsafe { libc::prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, UNUSED, UNUSED, UNUSED) };
    let error = io::Error::last_os_error();
    if done == 0 || error.raw_os_error() == Some(libc::EINVAL) { Ok(()) } else { Err(error) }
}

/// Puts the output file where an L2 codec finds it; at L1 it has a name, and its descriptor goes. Returns the first
/// descriptor that must not outlive an exec.
pub(super) fn place_output(output: Option<OwnedFd>, level: Level) -> io::Result<RawFd> {
    let Some(output) = output.filter(|_| level == Level::L2) else { return Ok(OUTPUT_DESCRIPTOR) };
    // SAFETY: the zygote reserved this number and nothing else uses it; the new descriptor outlives the exec.
    let done = unsafe { libc::dup2(output.as_raw_fd(), OUTPUT_DESCRIPTOR) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(OUTPUT_DESCRIPTOR + 1) }
}

/// Closes what an exec would have closed, for a task that execs nothing.
pub(super) fn close_from(first: RawFd) {
    // One by one: the allow list has no close_range(2). All numbers lie below: the limit stood before most were made.
    for descriptor in first..OPEN_FILES_MAX as RawFd {
        // SAFETY: what owns these descriptors is never used or dropped again: the caller goes on to `hostile::run`.
        unsafe { libc::close(descriptor) };
    }
}
