//! To be written: `output`.
