//! Where things are in this workspace.

use std::path::{Path, PathBuf};

/// The folder that holds the workspace's Cargo.toml.
///
/// Asks Cargo's variable of this run first: a folder fixed at build time is another checkout's when two share
/// a target folder.
///
/// # Panics
/// When this program was moved out of its workspace and runs without Cargo.
pub fn root() -> PathBuf {
    let now = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let then = Path::new(env!("CARGO_MANIFEST_DIR")).to_owned();
    let package = now.unwrap_or(then);
    let found = package.ancestors().find(|folder| folder.join("crates/testkit/Cargo.toml").is_file());
    found.expect("a package of the workspace is inside it").to_owned()
}

/// The folder of the running build's programs, such as `target/debug`: the one that holds this very test
/// program (or its folder `deps`).
pub fn program_folder() -> PathBuf {
    let own = std::env::current_exe().expect("the system knows the path of the running program");
    let folder = own.parent().expect("a program is in a folder");
    if folder.ends_with("deps") || folder.ends_with("examples") {
        return folder.parent().expect("deps is in the profile's folder").to_owned();
    }
    folder.to_owned()
}
