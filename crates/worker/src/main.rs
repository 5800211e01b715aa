//! `valet-worker`: reads its settings whole, says what is wrong with them at once, then runs.

use std::process::ExitCode;

use valet_settings::{EXIT_CONFIG, Layers};
use valet_worker::{cli, codec, config::Config, harden, keyless, logs, run};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().peekable();
    // The launcher of a codec is this very binary; it comes before everything that a worker sets up.
    let program = arguments.next();
    if arguments.peek().is_some_and(|word| word == codec::LAUNCH_WORD) {
        return codec::launch(arguments.skip(1));
    }
    if let Err(error) = harden::close_memory() {
        eprintln!("valet-worker: cannot close its memory to others: {error}");
        return ExitCode::from(70);
    }
    let flags = match cli::parse(program.into_iter().chain(arguments)) {
        Ok(flags) => flags,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match read_config(flags) {
        Ok(config) => run_worker(config),
        Err(problems) => {
            eprintln!("valet-worker: {problems}");
            ExitCode::from(EXIT_CONFIG as u8)
        }
    }
}

/// The settings, or everything that is wrong with them.
fn read_config(flags: cli::RunFlags) -> Result<Config, String> {
    let layers = Layers::load(flags.settings, std::env::vars_os(), flags.config.as_deref());
    let keyless = keyless::require(std::env::vars_os(), &layers);
    let config = Config::read(layers);
    let key = keyless.err().map(|error| format!("{error}\n{}", error.advice()));
    match (key, config) {
        (None, Ok(config)) => Ok(config),
        (key, config) => {
            let mistakes = config.err().map(|error| format!("{error}\n{}", error.advice()));
            Err(key.into_iter().chain(mistakes).collect::<Vec<_>>().join("\n"))
        }
    }
}

fn run_worker(config: Config) -> ExitCode {
    valet_blob::http::install_crypto();
    let started = logs::start(config.log).map_err(|error| error.to_string());
    let runtime = started.and_then(|()| tokio::runtime::Runtime::new().map_err(|error| error.to_string()));
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run::run(config)),
        Err(problem) => {
            eprintln!("valet-worker: cannot start: {problem}");
            return ExitCode::from(70);
        }
    };
    let Err(error) = ended else { return ExitCode::SUCCESS };
    eprintln!("valet-worker: {}\n{}", logs::chain(&error), error.advice());
    ExitCode::from(error.exit_code())
}
