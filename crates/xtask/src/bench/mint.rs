//! `cargo xtask bench mint`: complete signed URLs a second on one core beside the raw HMAC of the same bytes.
//! Runs `cargo bench -p valet-mint` and reads its table.

use super::table::Table;
use crate::shell;

/// What is measured: a line of the bench's table.
const SIDES: [&str; 2] = ["mint", "raw_hmac"];

pub(super) fn run() -> Result<(), String> {
    let mut bench = shell::cargo(&["bench", "--package", "valet-mint", "--bench", "minting"]);
    let said = shell::output(&mut bench)?;
    let mut table = Table::new("mint");
    // The fastest sample is the one that other work on the machine disturbed least.
    for (column, name) in [(0, "fastest"), (2, "median")] {
        let [mint, raw] = SIDES.map(|side| nanoseconds(&said, side, column));
        let missing = || format!("no times in what the bench said:\n{said}");
        let (mint, raw) = (mint.ok_or_else(missing)?, raw.ok_or_else(missing)?);
        table.row(format!("one URL, {name} sample"), mint, "ns");
        table.row(format!("raw HMAC-SHA256, {name} sample"), raw, "ns");
        table.row(format!("minted beside raw rate, {name} samples"), raw / mint, "");
    }
    table.save()
}

/// A time of the table `├─ mint  1.1 µs  │ 2 µs │ …`: of the line of `side`, in this column.
fn nanoseconds(said: &str, side: &str, column: usize) -> Option<f64> {
    let mut lines = said.lines().map(|line| line.trim_start_matches(['├', '╰', '─', ' ']));
    let times = lines.find_map(|line| line.strip_prefix(side)?.strip_prefix(' '))?;
    let (number, unit) = times.split('│').nth(column)?.trim().split_once(' ')?;
    let factor = match unit {
        "ns" => 1.0,
        "µs" => 1e3,
        "ms" => 1e6,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_bench_is_read() {
        let said = "minting      fastest       │ slowest  │ median   │ mean\n\
                    ├─ mint      604.1 ns      │ 3.9 µs   │ 1.25 µs  │ 1 µs\n\
                    │            1.65 Mitem/s  │ 1 item/s │ 1 item/s │ 1 item/s\n\
                    ╰─ raw_hmac  180 ns        │ 2 µs     │ 185.5 ns │ 190 ns\n";
        assert_eq!(nanoseconds(said, "mint", 0), Some(604.1));
        assert_eq!(nanoseconds(said, "mint", 2), Some(1250.0));
        assert_eq!(nanoseconds(said, "raw_hmac", 2), Some(185.5));
        assert_eq!(nanoseconds(said, "other", 0), None);
    }
}
