//! `cargo xtask test`: one RabbitMQ and one Azurite for all tests, then the tests.
//!
//! `--workers` says as whom the workers of the end-to-end tests run; everything else goes to the runner, whose
//! own last lines stay the last lines.

use std::process::{Command, ExitCode};

use valet_testkit::{Broker, Storage, broker, process, storage};

use crate::{Outcome, setup, shell};

/// The variables that tell a test where the shared services are.
const SERVICE_VARIABLES: [&str; 3] = [broker::ENV_AMQP, broker::ENV_MANAGEMENT, storage::ENV_BLOB];

/// The variable that says how workers run, and what it may say: as root, as a user that nobody has, and as
/// either without namespaces, as in a container.
const WORKERS: (&str, [&str; 4]) = ("VALET_TEST_WORKER", ["root", "user", "l2", "l2-user"]);

/// Sets up, builds, starts the services, runs the tests, stops the services.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (workers, arguments) = take_workers(arguments)?;
    let services_given = SERVICE_VARIABLES.iter().all(|name| std::env::var_os(name).is_some());
    setup::ensure(services_given)?;
    shell::build_programs()?;
    if services_given {
        return exit_code(runner(&arguments).envs(workers));
    }
    let services = Services::start();
    exit_code(runner(&arguments).envs(workers).envs(services.variables()))
    // Dropping the services here kills them: no later line of ours.
}

/// A variable's name and value.
type Variable = (&'static str, String);

/// The variable for how workers run, when it is asked for, and the other arguments.
fn take_workers(arguments: &[String]) -> Result<(Option<Variable>, Vec<String>), String> {
    let mut rest = arguments.to_vec();
    let Some(at) = rest.iter().position(|word| word == "--workers" || word.starts_with("--workers=")) else {
        return Ok((None, rest));
    };
    let word = rest.remove(at);
    let value = match word.split_once('=') {
        Some((_, value)) => value.to_owned(),
        None if at < rest.len() => rest.remove(at),
        None => String::new(),
    };
    let (variable, known) = WORKERS;
    if !known.contains(&value.as_str()) {
        return Err(format!("--workers is one of {}, not `{value}`", known.join(", ")));
    }
    Ok((Some((variable, value)), rest))
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

    fn variables(&self) -> [Variable; 3] {
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
    fn how_workers_run_is_for_us_and_the_rest_for_the_runner() {
        let take = |line: &str| take_workers(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let (variable, rest) = take("-p e2e --workers user canary").expect("a known word");
        assert_eq!(variable, Some(("VALET_TEST_WORKER", "user".to_owned())));
        assert_eq!(rest, ["-p", "e2e", "canary"]);
        assert_eq!(
            take("--workers=l2").expect("a known word").0,
            Some(("VALET_TEST_WORKER", "l2".to_owned()))
        );
        assert_eq!(take("canary").expect("nothing to take"), (None, vec!["canary".to_owned()]));
        for wrong in ["--workers", "--workers nobody", "--workers="] {
            assert!(take(wrong).is_err_and(|told| told.contains("l2-user")), "{wrong}");
        }
    }

    #[test]
    fn the_whole_workspace_is_tested_unless_packages_are_named() {
        assert!(words(&[]).contains(&"--workspace".to_owned()));
        let some = words(&["-p", "valet-mint", "vectors"]);
        assert!(!some.contains(&"--workspace".to_owned()));
        assert!(some.ends_with(&["-p".to_owned(), "valet-mint".to_owned(), "vectors".to_owned()]));
    }
}
