//! The whole blob, in order: through reader, door and stream pair, beside a plain GET.

use valet_testkit::Sas;

use super::Score;
use super::seek::FILM;
use crate::bench::median;
use crate::bench::stage::{Stage, release};
use crate::shell;

/// Rounds of each side, in turns; odd, for a median.
const ROUNDS: usize = 7;
/// What the project promises of the door's throughput beside that of a plain GET.
const THROUGHPUT_LEAST: f64 = 0.9;

pub(super) fn run(stage: &Stage<'_>, score: &mut Score) -> Result<(), String> {
    let url = stage.storage.sas_url(&Sas::read(&stage.input, FILM));
    let length = stage.storage.head(&stage.input, FILM).ok_or("the film is not in storage")?.length;
    let megabytes = length as f64 / 1e6;
    let (mut plains, mut doors, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let plain = megabytes / read_blob(&["plain", &url])?;
        let door = megabytes / read_blob(&["door", &url])?;
        ratios.push(door / plain);
        plains.push(plain);
        doors.push(door);
    }
    score.row("plain GET of the whole", median(plains), "MB/s");
    score.row("  through the door", median(doors), "MB/s");
    score.at_least("  beside it", median(ratios), THROUGHPUT_LEAST);
    Ok(())
}

/// What the example `read_blob` of the worker says: seconds.
pub(super) fn read_blob(arguments: &[&str]) -> Result<f64, String> {
    let program = release("examples/read_blob");
    let said = shell::output(shell::command(&program.to_string_lossy()).args(arguments))?;
    said.trim().parse().map_err(|_| format!("read_blob said {said:?}"))
}
