//! What a jail costs, for `cargo xtask bench bytes`: the same static program that does nothing, run and reaped
//! outside and inside jails, in turns. It is its own zygote, as the worker is.
//!
//! `ready RUNS` prints one line of JSON for each level that this machine allows: medians in milliseconds of the
//! plain run, of the jailed run, and of the time until the walls stood.

#[path = "../tests/fixture/exit_program.rs"]
mod exit_program;

use std::error::Error;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use valet_jail::{End, Jailer, Level, Limits, Order, Root, Task};

use exit_program::exit_program;

/// The program's name in the root.
const PROGRAM: &str = "static";

/// Of no consequence: the program uses nothing.
const LIMITS: Limits = Limits { data_bytes: 64 << 20, cpu_seconds: 10, file_bytes: 1 << 20 };

fn main() -> ExitCode {
    let word = std::env::args().nth(1).unwrap_or_default();
    if word == valet_jail::ZYGOTE_WORD {
        return valet_jail::zygote_main();
    }
    match measure(&word) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ready: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(runs: &str) -> Result<(), Box<dyn Error>> {
    let runs: usize = runs.parse().map_err(|_| "ready RUNS")?;
    let jailer = Jailer::start()?;
    let folder = tempfile::tempdir()?;
    let program = exit_program(folder.path());
    let root = Root::prepare(folder.path(), &[(PROGRAM, &program)])?;
    // As the worker's, so that what wakes up whom is the same.
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        for level in [Level::L1, Level::L2] {
            if let Err(error) = jailed(&jailer, &root, level).await {
                eprintln!("no {level} here: {error}");
                continue;
            }
            let bench = Bench { jailer: jailer.clone(), root: root.clone(), level, program: program.clone() };
            tokio::spawn(bench.run(runs)).await?.map_err(|error| error.to_string())?;
        }
        Ok(())
    })
}

/// One level's runs.
struct Bench {
    jailer: Jailer,
    root: Root,
    level: Level,
    program: std::path::PathBuf,
}

impl Bench {
    async fn run(self, runs: usize) -> Result<(), Box<dyn Error + Send + Sync>> {
        let (mut plain, mut whole, mut ready) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..runs {
            plain.push(spawned(&self.program)?);
            let started = Instant::now();
            ready.push(jailed(&self.jailer, &self.root, self.level).await?);
            whole.push(started.elapsed());
        }
        let [plain, whole, ready] = [plain, whole, ready].map(median_ms);
        let level = self.level.to_string();
        println!(
            "{}",
            serde_json::json!({"level": level, "plain_ms": plain, "jailed_ms": whole, "ready_ms": ready})
        );
        Ok(())
    }
}

/// How long the program takes by itself, with both streams piped as a jail's are.
fn spawned(program: &Path) -> std::io::Result<Duration> {
    let started = Instant::now();
    #[expect(clippy::disallowed_methods, reason = "the plain run that jails are compared with")]
    let mut command = std::process::Command::new(program);
    let ended = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output()?;
    match ended.status.success() {
        true => Ok(started.elapsed()),
        false => Err(std::io::Error::other(ended.status.to_string())),
    }
}

/// Runs the program in a jail to its end; how long it took until the walls stood.
async fn jailed(
    jailer: &Jailer,
    root: &Root,
    level: Level,
) -> Result<Duration, Box<dyn Error + Send + Sync>> {
    let task = Task::Program { name: PROGRAM, arguments: &[] };
    let mut jail = jailer.run(Order { root, task, level, limits: LIMITS, output: None }).await?;
    let streams = jail.take_stdout().into_iter().chain(jail.take_stderr());
    let exit = jail.wait().await?;
    let mut said = Vec::new();
    for mut stream in streams {
        stream.read_to_end(&mut said).await?;
    }
    match exit.end {
        End::Code(0) => Ok(jail.ready_in()),
        end => Err(format!("the program ended with {end:?}").into()),
    }
}

fn median_ms(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}
