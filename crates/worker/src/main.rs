//! `valet-worker`: reads its settings whole, says what is wrong with them at once, raises its walls, then runs.

use std::process::ExitCode;

use valet_daemon::flags;
use valet_settings::EXIT_CONFIG;
use valet_worker::cli::{self, Verb};
use valet_worker::config::Config;
use valet_worker::{harden, start};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().peekable();
    // What makes jails is this very binary; it comes before everything that a worker sets up.
    let program = arguments.next();
    if arguments.peek().is_some_and(|word| word == valet_jail::ZYGOTE_WORD) {
        return valet_jail::zygote_main();
    }
    if let Err(error) = harden::close_memory() {
        eprintln!("valet-worker: cannot close its memory to others: {error}");
        return ExitCode::from(70);
    }
    let given = match cli::parse(program.into_iter().chain(arguments)) {
        Ok(given) => given,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    // Before a secret is read, and before the runtime's threads: it must never see the one, nor be forked from
    // the other.
    let jailer = match valet_jail::Jailer::start() {
        Ok(jailer) => jailer,
        Err(error) => {
            eprintln!("valet-worker: {error}");
            return ExitCode::from(70);
        }
    };
    let verb = given.verb;
    let config = match flags::read(given.settings, given.config.as_deref(), Config::read) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("valet-worker: {problems}");
            return ExitCode::from(EXIT_CONFIG as u8);
        }
    };
    match verb {
        Verb::Run => start::run(config, jailer),
        Verb::Prove { json } => start::prove(&config, jailer, json),
    }
}
