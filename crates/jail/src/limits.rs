//! What one jail may use, and the numbers that never change. The kernel enforces each; none is a hint to the codec.

use serde::{Deserialize, Serialize};

/// What one jail may use. The caller has already taken the least of preset, message and operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Private memory, counted as RLIMIT_DATA does: heap, stacks and anonymous maps, touched or not.
    pub data_bytes: u64,
    /// Processor time of all threads together. The jail ends by SIGKILL (L1) or SIGXCPU (L2) once it is used up.
    pub cpu_seconds: u64,
    /// Largest size of the output file. A write beyond it fails with EFBIG.
    pub file_bytes: u64,
}

/// Address space over private memory: code, libraries and reserved but untouched ranges fit, a runaway map does not.
pub(crate) const ADDRESS_SPACE_FACTOR: u64 = 4;

/// Stack of the main thread, and glibc's default for the others: a codec with 32 threads then needs 32 MiB of
/// address space for stacks, not 256.
pub(crate) const STACK_BYTES: u64 = 1 << 20;

/// Open files: standard streams, libraries while they are mapped, the output, and the door's streams.
pub(crate) const OPEN_FILES_MAX: u64 = 64;

/// Threads (and processes) of the codec's own uid or user namespace. x265 with 32 threads stays well below.
pub(crate) const THREADS_MAX: u64 = 128;

/// The same at L2 without a uid of its own: the kernel then counts the worker and its user's other programs as well.
pub(crate) const THREADS_MAX_SHARED_UID: u64 = 1024;
