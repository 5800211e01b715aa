//! `cargo xtask bench bytes`: what reading through the jail's door costs, in bytes and in time, beside a file on this
//! machine, a whole download, a plain GET and a plain process.

mod door;
mod film;
mod jail;
mod seek;

use valet_testkit::StorageOptions;

use super::jobs;
use super::stage::{Services, Stage};
use super::table::Table;
use crate::shell;

/// Rounds of the transcoding job and of ffmpeg, in turns; odd, for a median.
const TRANSCODE_ROUNDS: usize = 3;
/// What the project promises of the worker's whole attempt beside bare ffmpeg.
const TRANSCODE_MOST: f64 = 1.05;

pub(super) fn run() -> Result<(), String> {
    let services = Services::start_with(&StorageOptions { on_disk: true, ..StorageOptions::default() })?;
    for package in ["valet-jail", "valet-worker"] {
        shell::check(&mut shell::cargo(&["build", "--release", "--examples", "--package", package]))?;
    }
    let mut score = Score { table: Table::new("bytes"), broken: Vec::new() };
    jail::run(&mut score)?;
    let film = film::long()?;
    {
        let stage = Stage::new(&services);
        seek::run(&stage, &film, &mut score)?;
        door::run(&stage, &mut score)?;
    }
    transcode(&services, &mut score)?;
    score.end()
}

fn transcode(services: &Services, score: &mut Score) -> Result<(), String> {
    let stage = Stage::new(services);
    let worker = stage.worker(1);
    let clip = film::short()?;
    let [bare, attempt, command] = jobs::beside(&stage, &worker, &clip, "h264-720p", TRANSCODE_ROUNDS)?;
    score.row("h264-720p of 60 s of 1080p, bare ffmpeg, local file", bare, "s");
    score.at_most("  the worker's whole attempt beside it", attempt, TRANSCODE_MOST);
    score.row("  valet run beside it, start to exit", command, "");
    Ok(())
}

/// The table, and which promises do not hold.
struct Score {
    table: Table,
    broken: Vec<String>,
}

impl Score {
    fn row(&mut self, name: &str, value: f64, unit: &'static str) {
        self.table.row(name, value, unit);
    }

    /// A row of what is promised to be no more than `most`.
    fn at_most(&mut self, name: &str, value: f64, most: f64) {
        self.promise(name, value, value <= most, "at most", most);
    }

    /// A row of what is promised to be no less than `least`.
    fn at_least(&mut self, name: &str, value: f64, least: f64) {
        self.promise(name, value, value >= least, "at least", least);
    }

    fn promise(&mut self, name: &str, value: f64, holds: bool, word: &str, bound: f64) {
        self.table.row(name, value, if holds { "(promise holds)" } else { "(PROMISE BROKEN)" });
        if !holds {
            self.broken.push(format!("{}: {value:.3}, {word} {bound} is promised", name.trim()));
        }
    }

    fn end(self) -> Result<(), String> {
        self.table.save()?;
        if self.broken.is_empty() { Ok(()) } else { Err(self.broken.join("\n")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_promise_is_kept_for_the_end() {
        let mut score = Score { table: Table::new("bytes"), broken: Vec::new() };
        score.at_most("held", 1.0, 1.0);
        score.at_least("held too", 0.9, 0.9);
        assert!(score.broken.is_empty());
        score.at_most("  too much", 1.26, 1.25);
        score.at_least("too little", 0.8, 0.9);
        let told = score.broken.join("\n");
        assert_eq!(
            told,
            "too much: 1.260, at most 1.25 is promised\ntoo little: 0.800, at least 0.9 is promised"
        );
    }
}
