//! `cargo xtask chaos --jobs 2000 --seed N`: one run of testkit's chaos on a broker and a storage of its own.

use std::process::ExitCode;
use std::time::Instant;

use valet_testkit::chaos::Chaos;
use valet_testkit::{Broker, Storage};

use crate::{Outcome, setup, shell};

/// Jobs unless told otherwise.
const JOBS: usize = 2_000;
/// What one list of blobs shows, which the verdict goes by.
const JOBS_MAX: u64 = 5_000;

/// Builds, runs, and prints what was survived.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let chaos = read(arguments)?;
    setup::ensure(false)?;
    shell::build_programs()?;
    eprintln!("starting RabbitMQ and Azurite");
    let (broker, storage) = (Broker::start(), Storage::start());
    let begun = Instant::now();
    let tally = chaos.run(&broker, &storage)?;
    println!("{tally}");
    println!("survived in {} s: nothing lost, nothing twice, nothing stuck", begun.elapsed().as_secs());
    Ok(ExitCode::SUCCESS)
}

fn read(arguments: &[String]) -> Result<Chaos, String> {
    let mut chaos = Chaos::new(fastrand::u64(..1_000_000), JOBS);
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return Err(format!("{} has no value", pair[0])) };
        let number: u64 = value.parse().map_err(|_| format!("{name} takes a number, not {value:?}"))?;
        match name.as_str() {
            "--seed" => chaos.seed = number,
            "--jobs" if (1..=JOBS_MAX).contains(&number) => {
                chaos.jobs = usize::try_from(number).map_err(|cause| cause.to_string())?;
            }
            "--jobs" => return Err(format!("--jobs is 1 to {JOBS_MAX}")),
            other => return Err(format!("there is no {other}: --jobs COUNT, --seed NUMBER")),
        }
    }
    Ok(chaos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_and_seed_are_read_and_mistakes_told() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let chaos = read(&words("--seed 7 --jobs 300")).expect("both are right");
        assert_eq!((chaos.seed, chaos.jobs), (7, 300));
        assert_eq!(read(&[]).expect("nothing is needed").jobs, JOBS);
        for wrong in ["--seed", "--jobs 0", "--jobs many", "--workers 3"] {
            assert!(read(&words(wrong)).is_err(), "{wrong}");
        }
    }
}
