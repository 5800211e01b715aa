//! Where things are in this workspace.

use std::path::{Path, PathBuf};

/// The folder that holds the workspace's Cargo.toml.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).expect("this crate is in crates/testkit of the workspace").to_owned()
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
