//! To be written: `scm`.
