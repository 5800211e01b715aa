//! `cargo xtask bench NAME`: what Valet costs beside the bare thing, as ratios of one run, and how soon it recovers.
//!
//! Absolute numbers are this machine's at this moment; only ratios of one run mean anything, so each bench
//! alternates its sides. Programs are those of `--release`. Results go to `target/bench/NAME.json` too.

mod attempt;
mod backlog;
mod bytes;
mod calls;
mod enqueue;
mod hole;
mod jobs;
mod list;
mod mint;
mod recovery;
mod stage;
mod table;

use std::process::ExitCode;

use crate::Outcome;

/// A bench: its name, and the function that runs it.
type Bench = (&'static str, fn() -> Result<(), String>);

const BENCHES: [Bench; 7] = [
    ("backlog", backlog::run),
    ("bytes", bytes::run),
    ("enqueue", enqueue::run),
    ("jobs", jobs::run),
    ("list", list::run),
    ("mint", mint::run),
    ("recovery", recovery::run),
];

/// Runs the benches named, or all of them.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let known = |name: &String| BENCHES.iter().any(|(own, _)| own == name);
    if let Some(unknown) = arguments.iter().find(|name| !known(name)) {
        let names: Vec<&str> = BENCHES.iter().map(|(name, _)| *name).collect();
        return Err(format!("there is no bench {unknown}: {}", names.join(", ")));
    }
    for (name, bench) in BENCHES {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == name) {
            bench()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The middle of an odd number of values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]).to_bits(), 2.0_f64.to_bits());
    }

    #[test]
    fn a_bench_that_is_not_there_is_named() {
        let failure = run(&["speed".to_owned()]).unwrap_err();
        assert!(failure.contains("speed") && failure.contains("enqueue"), "{failure}");
    }
}
