//! To be written: `launcher`.
