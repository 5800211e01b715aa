//! To be written: `root`.
