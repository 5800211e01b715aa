//! `cargo xtask test`: one RabbitMQ, one Azurite and one PostgreSQL for all tests, then the tests.
//!
//! `--workers` says as whom the workers of the end-to-end tests run, `--broker` on which RabbitMQ; everything
//! else goes to the runner, whose own last lines stay the last lines.

use std::process::{Command, ExitCode};

use valet_testkit::broker::{BrokerOptions, Release, release};
use valet_testkit::{Broker, Postgres, Storage, broker, postgres, process, storage};

use crate::{Outcome, setup, shell};

/// The variables that tell a test where broker and storage are.
const SERVICE_VARIABLES: [&str; 3] = [broker::ENV_AMQP, broker::ENV_MANAGEMENT, storage::ENV_BLOB];

/// An argument of ours: its name, the variable that it sets, and what it may say.
struct Choice {
    argument: &'static str,
    variable: &'static str,
    known: &'static [&'static str],
}

/// How workers run: as root, as a user that nobody has, and as either without namespaces, as in a container.
const WORKERS: Choice = Choice {
    argument: "--workers",
    variable: "VALET_TEST_WORKER",
    known: &["root", "user", "l2", "l2-user"],
};

/// Which RabbitMQ the nodes are, the shared one and those that tests start.
const BROKER: Choice =
    Choice { argument: "--broker", variable: release::ENV_RELEASE, known: &release::NAMES };

/// Sets up, builds, starts the services, runs the tests, stops the services.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (workers, arguments) = WORKERS.take(arguments)?;
    let (broker, arguments) = BROKER.take(&arguments)?;
    let release = match &broker {
        Some((_, name)) => Release::named(name).ok_or(format!("there is no RabbitMQ {name}"))?,
        None => Release::of_environment(),
    };
    let given = |name: &&str| std::env::var_os(name).is_some();
    let services_given = SERVICE_VARIABLES.iter().all(&given);
    setup::ensure(services_given)?;
    setup::release::ensure(&release)?;
    shell::build_programs()?;
    let mut runner = runner(&arguments);
    runner.envs(workers).envs(broker);
    let services = Services::start((!services_given).then_some(release), !given(&postgres::ENV_POSTGRES));
    exit_code(runner.envs(services.variables()))
    // Dropping the services here kills them: no later line of ours.
}

/// A variable's name and value.
type Variable = (&'static str, String);

impl Choice {
    /// The variable that it sets, when it is among `arguments`, and the other arguments.
    fn take(&self, arguments: &[String]) -> Result<(Option<Variable>, Vec<String>), String> {
        let mut rest = arguments.to_vec();
        let is_ours = |word: &String| word.split('=').next() == Some(self.argument);
        let Some(at) = rest.iter().position(is_ours) else {
            return Ok((None, rest));
        };
        let word = rest.remove(at);
        let value = match word.split_once('=') {
            Some((_, value)) => value.to_owned(),
            None if at < rest.len() => rest.remove(at),
            None => String::new(),
        };
        if !self.known.contains(&value.as_str()) {
            return Err(format!("{} is one of {}, not `{value}`", self.argument, self.known.join(", ")));
        }
        Ok((Some((self.variable, value)), rest))
    }
}

/// The services that all tests share, as far as they are ours.
struct Services {
    broker_and_storage: Option<(Broker, Storage)>,
    postgres: Option<Postgres>,
}

impl Services {
    /// Starts what is asked for, side by side: the broker takes longest.
    fn start(release: Option<Release>, with_postgres: bool) -> Self {
        if release.is_some() {
            eprintln!("starting RabbitMQ, Azurite and PostgreSQL");
        }
        let start = |release| {
            (Broker::start_with(&BrokerOptions { release, ..BrokerOptions::default() }), Storage::start())
        };
        let (broker_and_storage, postgres) = std::thread::scope(|scope| {
            let postgres = scope.spawn(|| with_postgres.then(Postgres::start));
            (release.map(start), postgres.join())
        });
        let postgres = postgres.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Self { broker_and_storage, postgres }
    }

    fn variables(&self) -> Vec<Variable> {
        let of_both = |(broker, storage): &(Broker, Storage)| {
            [
                (broker::ENV_AMQP, broker.amqp_url_with_login()),
                (broker::ENV_MANAGEMENT, broker.management_url()),
                (storage::ENV_BLOB, storage.endpoint()),
            ]
        };
        let of_postgres = |postgres: &Postgres| (postgres::ENV_POSTGRES, postgres.url());
        let both = self.broker_and_storage.as_ref().map(of_both).into_iter().flatten();
        both.chain(self.postgres.as_ref().map(of_postgres)).collect()
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
        let take = |line: &str| WORKERS.take(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
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
        let (variable, rest) =
            BROKER.take(&["--broker".to_owned(), "4".to_owned()]).expect("a known release");
        assert_eq!((variable, rest), (Some(("VALET_TEST_BROKER", "4".to_owned())), vec![]));
    }

    #[test]
    fn the_whole_workspace_is_tested_unless_packages_are_named() {
        assert!(words(&[]).contains(&"--workspace".to_owned()));
        let some = words(&["-p", "valet-mint", "vectors"]);
        assert!(!some.contains(&"--workspace".to_owned()));
        assert!(some.ends_with(&["-p".to_owned(), "valet-mint".to_owned(), "vectors".to_owned()]));
    }
}
