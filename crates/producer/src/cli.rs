//! The command line: options that every verb has, and what happens around a verb: logs, exit code, the one
//! place where a failure is printed. Must never do a verb's work.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use valet_telemetry::Sender;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::telemetry::{self, Traces};
use crate::verbs::Verb;

/// Valet sends media jobs to workers that hold no storage key.
///
/// Every job gets one grant to read its one input and one grant to create its one output; both are minted
/// here, travel with the job over RabbitMQ, and die by themselves.
#[derive(Debug, Parser)]
#[command(name = "valet", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Settings come from --set, then VALET_* variables, then valet.toml.\n\
                        Exit codes: `valet help exit-codes`. Shell completions: `valet completions SHELL`.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Clone, Default, Args)]
pub struct Globals {
    /// Print JSON: one object, or one a line for lists and events
    #[arg(long, global = true, help_heading = "Common options")]
    pub json: bool,
    /// Read settings from this file instead of valet.toml
    #[arg(long, global = true, value_name = "FILE", help_heading = "Common options")]
    pub config: Option<PathBuf>,
    /// Set one setting, such as broker.url; wins over environment and file
    #[arg(long, global = true, value_name = "KEY=VALUE", help_heading = "Common options")]
    pub set: Vec<String>,
    /// Say more on standard error; twice for debugging
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Common options")]
    pub verbose: u8,
    /// Show no progress bars
    #[arg(long, global = true, help_heading = "Common options")]
    pub no_progress: bool,
}

/// Runs `valet` with the process's arguments.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let (traces, sender) = telemetry::set_up(&cli.globals).unzip();
    start_logs(cli.globals.verbose, traces);
    let json = cli.globals.json;
    match run(cli, sender) {
        Ok(()) => Exit::Ok.into(),
        Err(failure) => {
            print(&failure, json);
            failure.exit().into()
        }
    }
}

/// The whole command line, for completions, man pages and tests.
pub fn command() -> clap::Command {
    Cli::command()
}

fn run(cli: Cli, sender: Option<Sender>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::from_error(Exit::Internal, &error))?;
    let context = Context::new(cli.globals);
    runtime.block_on(telemetry::during(sender, cli.verb.run(context)))
}

fn print(failure: &Failure, json: bool) {
    if failure.is_silent() {
        return;
    }
    if json {
        eprintln!("{}", failure.to_json());
    } else {
        eprintln!("{failure}");
    }
}

fn start_logs(verbose: u8, traces: Option<Traces>) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    // Libraries that print frames or bodies stay silent at every level: bodies hold grants.
    let silent = valet_broker::UNSAFE_LOG_TARGETS.iter().map(|target| (*target, LevelFilter::OFF));
    let ours =
        ["valet", "valet_producer", "valet_broker", "valet_blob", "valet_mint"].map(|name| (name, level));
    let traced = (valet_telemetry::TARGET, LevelFilter::OFF);
    let targets = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_targets(ours)
        .with_targets(silent)
        .with_targets([traced]);
    let format = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_filter(targets);
    tracing_subscriber::registry().with(traces).with(format).init();
}
