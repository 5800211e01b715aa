//! To be written: `explain`.
