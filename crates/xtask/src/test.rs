//! `cargo xtask test`: one RabbitMQ and one Azurite for all tests, then the tests.
//!
//! The runner's own last lines stay the last lines.

use std::process::{Command, ExitCode};

use valet_testkit::{Broker, Storage, broker, process, storage};

use crate::{Outcome, setup, shell};

/// The variables that tell a test where the shared services are.
const SERVICE_VARIABLES: [&str; 3] = [broker::ENV_AMQP, broker::ENV_MANAGEMENT, storage::ENV_BLOB];

/// Sets up, builds, starts the services, runs the tests, stops the services.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let services_given = SERVICE_VARIABLES.iter().all(|name| std::env::var_os(name).is_some());
    setup::ensure(services_given)?;
    shell::build_programs()?;
    if services_given {
        return exit_code(&mut runner(arguments));
    }
    let services = Services::start();
    exit_code(runner(arguments).envs(services.variables()))
    // Dropping the services here kills them: no later line of ours.
}

/// The services that all tests share.
struct Services {
    broker: Broker,
    storage: Storage,
}

impl Services {
    fn start() -> Self {
        eprintln!("starting RabbitMQ and Azurite");
        Self { broker: Broker::start(), storage: Storage::start() }
    }

    fn variables(&self) -> [(&'static str, String); 3] {
        [
            (broker::ENV_AMQP, self.broker.amqp_url_with_login()),
            (broker::ENV_MANAGEMENT, self.broker.management_url()),
            (storage::ENV_BLOB, self.storage.endpoint()),
        ]
    }
}

/// cargo-nextest where it is installed: it runs tests of all packages side by side.
fn runner(arguments: &[String]) -> Command {
    let mut words = match process::find_program("cargo-nextest") {
        Some(_) => vec!["nextest", "run"],
        None => vec!["test"],
    };
    let names_packages =
        arguments.iter().any(|argument| argument.starts_with("-p") || argument.starts_with("--package"));
    if !names_packages {
        words.push("--workspace");
    }
    words.extend(arguments.iter().map(String::as_str));
    shell::cargo(&words)
}

fn exit_code(command: &mut Command) -> Outcome {
    let status = shell::status(command)?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(arguments: &[&str]) -> Vec<String> {
        let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        let command = runner(&arguments);
        command.get_args().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn the_whole_workspace_is_tested_unless_packages_are_named() {
        assert!(words(&[]).contains(&"--workspace".to_owned()));
        let some = words(&["-p", "valet-mint", "vectors"]);
        assert!(!some.contains(&"--workspace".to_owned()));
        assert!(some.ends_with(&["-p".to_owned(), "valet-mint".to_owned(), "vectors".to_owned()]));
    }
}
