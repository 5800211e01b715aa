//! Running other programs, in the open: each command line is printed before it runs.

use std::process::{Command, ExitStatus, Output};

use valet_testkit::workspace;

/// A command that runs in the workspace's root.
#[allow(clippy::disallowed_methods, reason = "xtask starts the tools of the project")]
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace::root());
    command
}

/// How the variables begin that `cargo run` sets for the package it runs.
const OWN_PACKAGE: [&str; 4] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_CRATE_"];

/// `cargo` with `arguments`: the one that runs us.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = command(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    command.args(arguments);
    // `cargo run` tells us which package we are. Passed on, that counts as a change to build scripts that watch
    // these variables (ring's does), and half of the dependencies would be built anew each time.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| OWN_PACKAGE.iter().any(|own| name.starts_with(own))) {
            command.env_remove(&name);
        }
    }
    command
}

/// Builds every program of the workspace: tests of one package run those of others. Always all, since Cargo
/// would build dependencies anew for another choice.
pub(crate) fn build_programs() -> Result<(), String> {
    check(&mut cargo(&["build", "--workspace", "--bins"]))
}

/// Prints and runs `command`; its output is ours.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus, String> {
    eprintln!("$ {}", line(command));
    command.status().map_err(|cause| format!("cannot start {}: {cause}", line(command)))
}

/// [`status`], where anything but success is a failure.
pub(crate) fn check(command: &mut Command) -> Result<(), String> {
    let status = status(command)?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", line(command))) }
}

/// Runs `command` and takes its standard output; success or failure.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let Output { status, stdout, stderr } =
        command.output().map_err(|cause| format!("cannot start {}: {cause}", line(command)))?;
    if !status.success() {
        return Err(format!("{} ended with {status}\n{}", line(command), String::from_utf8_lossy(&stderr)));
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// The command as one would type it; a script within shows its first line only.
fn line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    let short = |word: &std::ffi::OsStr| word.to_string_lossy().lines().next().unwrap_or_default().to_owned();
    words.map(short).collect::<Vec<_>>().join(" ")
}
