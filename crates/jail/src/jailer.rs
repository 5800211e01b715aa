//! To be written: `jailer`.
