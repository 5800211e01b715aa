//! What the worker does to itself before it reads a secret: nobody but root may look into its memory.
//! The codec runs as the same user, and is not trusted. It must be the first thing in `main`.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Closes `/proc/PID/mem`, `environ` and the debugger to other processes of this user, and leaves no core dump:
/// grants and the broker login are in this memory. The command line stays readable, and holds no secret.
///
/// # Errors
/// When the kernel refuses, which no known one does.
pub fn close_memory() -> std::io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}
