//! To be written: `running`.
