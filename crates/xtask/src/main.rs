//! `cargo xtask`: everything there is to do with this project, one command a file.
//!
//! A new command is a file with `pub(crate) fn run(arguments: &[String]) -> Outcome`, and one line in
//! [`COMMANDS`]. Nothing here ships.

mod bench;
mod chaos;
mod ci;
mod demo;
mod setup;
mod shell;
mod test;
mod tidy;

use std::process::ExitCode;

/// How a command ended: an exit code, or what stopped it (and what to do about it).
pub(crate) type Outcome = Result<ExitCode, String>;

/// A name, what it does in one line, and the function that does it.
type Command = (&'static str, &'static str, fn(&[String]) -> Outcome);

const COMMANDS: &[Command] = &[
    (
        "setup",
        "install what is missing: RabbitMQ, ffmpeg, PostgreSQL, Node, Azurite (--dry-run: only say)",
        setup::run,
    ),
    ("demo", "Valet on real services, in sight: jobs, outputs, and what a worker cannot do", demo::run),
    (
        "test",
        "start the services, run the tests (--broker 4, --workers user); more arguments go to the runner",
        test::run,
    ),
    ("ci", "format, lints, documentation, walls, then test", ci::run),
    (
        "bench",
        "cost beside the bare thing: bytes, enqueue, jobs, mint; recovery, backlog (all unless named)",
        bench::run,
    ),
    ("chaos", "kills, outages and duplicates from a seed: --jobs 2000 --seed N", chaos::run),
    ("tidy", "the walls between crates, and the rules that no lint knows", tidy::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        return usage("which command?");
    };
    let Some((_, _, run)) = COMMANDS.iter().find(|(own, ..)| own == name) else {
        return usage(&format!("there is no command {name}"));
    };
    run(rest).unwrap_or_else(|failure| {
        eprintln!("xtask {name}: {failure}");
        ExitCode::FAILURE
    })
}

fn usage(complaint: &str) -> ExitCode {
    eprintln!("xtask: {complaint}\n\ncargo xtask <command>");
    for (name, summary, _) in COMMANDS {
        eprintln!("  {name:8} {summary}");
    }
    ExitCode::from(2)
}
