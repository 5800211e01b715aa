//! To be written: `wire`.
