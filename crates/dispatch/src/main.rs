//! `valet-dispatch`: reads its settings whole, says what is wrong with them at once, then runs.

use std::error::Error;
use std::process::ExitCode;

use valet_daemon::{flags, health, logs};
use valet_dispatch::cli::{self, Verb};
use valet_dispatch::config::Config;
use valet_dispatch::{doctor, run};
use valet_settings::EXIT_CONFIG;

fn main() -> ExitCode {
    let given = match cli::parse(std::env::args_os()) {
        Ok(given) => given,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let verb = given.verb;
    let config = match flags::read(given.settings, given.config.as_deref(), Config::read) {
        Ok(config) => config,
        Err(problems) => return refuse(&problems, EXIT_CONFIG as u8),
    };
    valet_broker::install_crypto();
    if let Err(error) = logs::start(config.log, None) {
        return refuse(&logs::chain(&error), 70);
    }
    start(verb, config).unwrap_or_else(|(words, code)| refuse(&words, code))
}

fn start(verb: Verb, config: Config) -> Result<ExitCode, (String, u8)> {
    let machine = |error: &(dyn Error + 'static)| (format!("cannot start: {}", logs::chain(error)), 70);
    let listener = config.listen.filter(|_| verb == Verb::Run).map(|address| {
        health::listen(address).map_err(|cause| {
            let error = health::ListenError { address, cause };
            let advice = "set dispatch.health_address to a free port of this machine, or leave it out";
            (format!("{}\n{advice}", logs::chain(&error)), EXIT_CONFIG as u8)
        })
    });
    let listener = listener.transpose()?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| machine(&error))?;
    match verb {
        Verb::Run => runtime
            .block_on(run::run(config, listener))
            .map(|()| ExitCode::SUCCESS)
            .map_err(|error| (format!("{}\n{}", logs::chain(&error), error.advice()), error.exit_code())),
        Verb::Doctor if runtime.block_on(doctor::doctor(&config)) => Ok(ExitCode::SUCCESS),
        Verb::Doctor => Ok(ExitCode::FAILURE),
    }
}

fn refuse(words: &str, code: u8) -> ExitCode {
    eprintln!("valet-dispatch: {words}");
    ExitCode::from(code)
}
