//! To be written: `confine`.
