//! To be written: `doors`.
