//! To be written: `hostile`.
