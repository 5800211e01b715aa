//! `cargo xtask bench list`: `valet list` on a million jobs in the status store, from its start to its exit: while a
//! collector keeps the store fresh, and when it has to catch up with the broker by itself.

use std::time::{Duration, Instant};

use valet_testkit::Program;
use valet_testkit::wait::try_wait_for;

use super::stage::{COMMAND_TIMEOUT, Services, Stage};
use super::table::Table;

/// What is built: `valet`, and what fills a store.
const WORDS: [&str; 7] =
    ["--package", "valet-producer", "--package", "valet-status", "--bins", "--example", "seed"];
/// Rows of the status store.
const ROWS: &str = "1000000";
/// Longest that filling it may take: a few minutes on two cores.
const FILL_TIMEOUT: Duration = Duration::from_secs(1_500);
/// Longest until a collector has begun its work.
const FRESH_TIMEOUT: Duration = Duration::from_secs(30);
/// Calls of each kind; odd, for a median.
const CALLS: usize = 9;
/// What is asked for.
const QUESTIONS: [&[&str]; 4] =
    [&["list"], &["list", "--state", "failed"], &["list", "--tag", "season=7"], &["list", "--count"]];

pub(super) fn run() -> Result<(), String> {
    let services = Services::start_for(&WORDS)?;
    let stage = Stage::new(&services);
    let seed = Program::new(super::stage::release("examples/seed"));
    seed.args([stage.status_url().as_str(), ROWS]).run(FILL_TIMEOUT).expect_code(0);
    let mut table = Table::new("list");
    ask(&stage, ", alone", &mut table);
    let _collector = stage.valet().args(["collect"]).start();
    // With a login that the broker refuses, only a fresh store can answer.
    let blind = || stage.valet().env("VALET_BROKER_PASSWORD", "wrong").args(["list"]).run(COMMAND_TIMEOUT);
    try_wait_for(FRESH_TIMEOUT, || match blind() {
        answered if answered.success() => Ok(()),
        refused => Err(refused.stderr),
    })?;
    ask(&stage, ", beside a collector", &mut table);
    table.save()
}

fn ask(stage: &Stage<'_>, how: &str, table: &mut Table) {
    for words in QUESTIONS {
        let call = || {
            let begun = Instant::now();
            stage.valet().args(words).run(COMMAND_TIMEOUT).expect_code(0);
            begun.elapsed().as_secs_f64() * 1e3
        };
        let times = std::iter::repeat_with(call).take(CALLS).collect();
        table.row(format!("valet {} on {ROWS} rows{how}", words.join(" ")), super::median(times), "ms");
    }
}
