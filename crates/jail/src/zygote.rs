//! To be written: `zygote`.
