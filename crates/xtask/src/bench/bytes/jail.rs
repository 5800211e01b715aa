//! A program that does nothing, in a jail and outside.

use serde_json::Value;

use super::Score;
use crate::bench::stage::release;
use crate::shell;

/// Runs of each side, in turns.
const RUNS: &str = "50";
/// What the project promises a jail to add at most, in milliseconds.
const MORE_MS_MOST: f64 = 5.0;

pub(super) fn run(score: &mut Score) -> Result<(), String> {
    let program = release("examples/ready");
    let said = shell::output(shell::command(&program.to_string_lossy()).arg(RUNS))?;
    for line in said.lines() {
        let told: Value = serde_json::from_str(line).map_err(|cause| format!("{cause}: {line}"))?;
        let number = |name: &str| told[name].as_f64().ok_or_else(|| format!("no {name} in {line}"));
        let level = told["level"].as_str().unwrap_or_default();
        let (plain, jailed) = (number("plain_ms")?, number("jailed_ms")?);
        score.row(&format!("static program that does nothing, bare (of {RUNS})"), plain, "ms");
        score.row(&format!("  in a jail of {level}, run and reaped"), jailed, "ms");
        score.row("    of it, until the walls stand", number("ready_ms")?, "ms");
        score.at_most("    more than bare, in ms", jailed - plain, MORE_MS_MOST);
    }
    if said.is_empty() { Err("no jail can be made here".to_owned()) } else { Ok(()) }
}
