//! Child processes that cannot outlive the test that started them.
//!
//! A child ends with its [`Process`] (also in a panic), and, on Linux, with the test process however that
//! dies. It inherits no environment but `PATH` and `TMPDIR`, so that a test sees the same program everywhere.

mod child;
pub mod family;
mod program;
mod spawner;

pub use child::{Finished, Process};
pub use program::Program;

use std::path::PathBuf;

/// The path of one of the project's own programs (`valet`, `valet-worker`) in the running build.
///
/// # Panics
/// When it has not been built; `cargo test` of one package does not build the programs of others.
pub fn bin(name: &str) -> PathBuf {
    let path = crate::workspace::program_folder().join(name);
    assert!(path.exists(), "{} is missing; build it first: cargo build --workspace --bins", path.display());
    path
}

/// The first of `folders` of `PATH` that holds a program called `name`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}
