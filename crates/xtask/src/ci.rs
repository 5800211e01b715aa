//! `cargo xtask ci`: what must pass before a change goes in. Cheap checks first; the tests come last.

use crate::{Outcome, shell, test, tidy};

/// Runs every check; stops at the first that fails.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    shell::check(&mut shell::cargo(&["fmt", "--all", "--check"]))?;
    shell::check(&mut shell::cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    let documentation = ["doc", "--workspace", "--no-deps", "--document-private-items"];
    shell::check(shell::cargo(&documentation).env("RUSTDOCFLAGS", "-D warnings"))?;
    cargo_deny()?;
    tidy::check()?;
    test::run(arguments)
}

/// The walls as `cargo-deny` sees them. Not everybody has it, and building it takes minutes; [`tidy`] holds
/// the same walls.
fn cargo_deny() -> Result<(), String> {
    if valet_testkit::process::find_program("cargo-deny").is_none() {
        eprintln!("cargo-deny is not installed: its walls are left to tidy");
        return Ok(());
    }
    shell::check(&mut shell::cargo(&["deny", "--workspace", "check", "bans", "licenses", "sources"]))
}
