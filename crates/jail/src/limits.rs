//! To be written: `limits`.
