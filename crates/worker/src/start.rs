//! From settings to a running worker, or to a proof of its walls: the steps whose order is forced.
//!
//! 1. The log, so that every later step can speak.
//! 2. Scratch, and what dead workers left there is swept. The port for those who watch over the worker, which
//!    step 4 would not let it bind.
//! 3. The walls of the codecs, tested by jails of their own, in a runtime that ends with the test: no thread may
//!    be left when step 4 restricts this one, as the kernel's older Landlock knows single threads only.
//! 4. The worker's own walls: from here on it reads its certificates and resolver files, writes its scratch, and
//!    executes nothing.
//! 5. The runtime of the slots, whose threads inherit step 4.

use std::process::ExitCode;

use valet_daemon::health;
use valet_jail::Jailer;
use valet_settings::EXIT_CONFIG;

use crate::config::Config;
use crate::prove;
use crate::scratch::Scratch;
use crate::walls::{self, Walls};
use crate::{harden, logs, run, telemetry};

/// Why the worker does not start: in words, with its exit code.
struct Refusal {
    words: String,
    exit_code: u8,
}

impl Refusal {
    /// Settings can mend it.
    fn settings(error: &(dyn std::error::Error + 'static), advice: &str) -> Self {
        Self { words: format!("{}\n{advice}", logs::chain(error)), exit_code: EXIT_CONFIG as u8 }
    }

    /// The machine is in the way.
    fn machine(error: &(dyn std::error::Error + 'static)) -> Self {
        Self { words: format!("cannot start: {}", logs::chain(error)), exit_code: 70 }
    }
}

/// Runs the worker until it is told to stop.
#[must_use]
pub fn run(config: Config, jailer: Jailer) -> ExitCode {
    told(try_run(config, jailer))
}

/// Tries the walls and prints attempt by attempt what happened; exit code 1 when one was not refused.
#[must_use]
pub fn prove(config: &Config, jailer: Jailer, json: bool) -> ExitCode {
    told(try_prove(config, jailer, json))
}

fn told(ended: Result<ExitCode, Refusal>) -> ExitCode {
    ended.unwrap_or_else(|refusal| {
        eprintln!("valet-worker: {}", refusal.words);
        ExitCode::from(refusal.exit_code)
    })
}

fn try_run(config: Config, jailer: Jailer) -> Result<ExitCode, Refusal> {
    valet_blob::http::install_crypto();
    let (traces, sender) = telemetry::set_up(&config).map_err(|error| Refusal::machine(&error))?.unzip();
    logs::start(config.log, traces).map_err(|error| Refusal::machine(&error))?;
    let scratch = open_scratch(&config)?;
    let listener = listen(&config)?;
    let walls = raise(jailer, &config, &scratch)?;
    harden::confine(&config, &scratch).map_err(|error| Refusal::machine(&error))?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Refusal::machine(&error))?;
    let ended = runtime.block_on(telemetry::during(sender, run::run(config, scratch, walls, listener)));
    let Err(error) = ended else { return Ok(ExitCode::SUCCESS) };
    Err(Refusal {
        words: format!("{}\n{}", logs::chain(&error), error.advice()),
        exit_code: error.exit_code(),
    })
}

fn try_prove(config: &Config, jailer: Jailer, json: bool) -> Result<ExitCode, Refusal> {
    logs::start(config.log, None).map_err(|error| Refusal::machine(&error))?;
    let scratch = open_scratch(config)?;
    let proof = with_runtime(prove::prove(jailer, config, scratch.directory(), json))?;
    let contained = proof.map_err(|error| Refusal::settings(&error, &error.advice()))?;
    Ok(if contained { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn open_scratch(config: &Config) -> Result<Scratch, Refusal> {
    Scratch::open_keeping(&config.scratch, config.scratch_free_bytes_min)
        .map_err(|error| Refusal::settings(&error, error.advice()))
}

fn listen(config: &Config) -> Result<Option<health::Listener>, Refusal> {
    let Some(address) = config.surroundings.listen else { return Ok(None) };
    health::listen(address).map(Some).map_err(|cause| {
        let cause = health::ListenError { address, cause };
        Refusal::settings(&cause, "set worker.listen to a free port of this machine, or leave it out")
    })
}

fn raise(jailer: Jailer, config: &Config, scratch: &Scratch) -> Result<Walls, Refusal> {
    with_runtime(walls::raise(jailer, config, scratch.directory()))?
        .map_err(|error| Refusal::settings(&error, &error.advice()))
}

/// Does `work` on this thread alone; no other is left behind.
fn with_runtime<T>(work: impl Future<Output = T>) -> Result<T, Refusal> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Refusal::machine(&error))?;
    Ok(runtime.block_on(work))
}
