//! `cargo xtask ci`: what must pass before a change goes in. Cheap checks first, then the core of the tests on
//! RabbitMQ 4; all tests on the installed one come last, and so their runner's last lines are the run's.

use std::process::ExitCode;

use valet_testkit::{broker::Release, process};

use crate::{Outcome, setup, shell, test, tidy};

/// The RabbitMQ that the core is tried on beside the installed one.
const OTHER_BROKER: &str = "4";

/// The core in nextest's words: what each version of RabbitMQ does in its own way (returns, limits, timeouts,
/// rights, policies), and jobs that end in every way. Two minutes; whatever breaks brokers for long is left out.
const CORE: &str = "package(valet-broker) & binary(/^(ended|feed|lease|orders|rights|topology)$/) \
    + package(e2e) & test(/^(main_job|cancel|retry|twice|replay|long_jobs)::/) & not test(/heavy_/)";

/// Runs every check; stops at the first that fails.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    shell::check(&mut shell::cargo(&["fmt", "--all", "--check"]))?;
    shell::check(&mut shell::cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    let documentation = ["doc", "--workspace", "--no-deps", "--document-private-items"];
    shell::check(shell::cargo(&documentation).env("RUSTDOCFLAGS", "-D warnings"))?;
    cargo_deny()?;
    tidy::check()?;
    let other = if arguments.is_empty() { other_broker() } else { None };
    if let Some(core) = other {
        let outcome = test::run(&core)?;
        if outcome != ExitCode::SUCCESS {
            return Ok(outcome);
        }
    }
    test::run(arguments)
}

/// The arguments for the core on [`OTHER_BROKER`]; `None`, and a line that says why, where it cannot be had. A
/// mirror that is down is no fault of a change.
fn other_broker() -> Option<Vec<String>> {
    let release = Release::named(OTHER_BROKER).expect("testkit knows it");
    let usable = match process::find_program("cargo-nextest") {
        Some(_) => setup::release::ensure(&release),
        None => Err("only cargo-nextest can choose the core of the tests".to_owned()),
    };
    match usable {
        Ok(()) => Some(["--broker", OTHER_BROKER, "-E", CORE].map(str::to_owned).to_vec()),
        Err(why) => {
            eprintln!("no tests on RabbitMQ {OTHER_BROKER}: {why}");
            None
        }
    }
}

/// The walls as `cargo-deny` sees them. Not everybody has it, and building it takes minutes; [`tidy`] holds
/// the same walls.
fn cargo_deny() -> Result<(), String> {
    if process::find_program("cargo-deny").is_none() {
        eprintln!("cargo-deny is not installed: its walls are left to tidy");
        return Ok(());
    }
    shell::check(&mut shell::cargo(&["deny", "--workspace", "check", "bans", "licenses", "sources"]))
}
