//! To be written: `seccomp`.
