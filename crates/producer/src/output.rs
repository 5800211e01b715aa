//! Data on standard output: text for people or JSON for programs. Logs and progress never go here.
//! Must never panic when the reader goes away.

use std::fmt::Display;
use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::failure::{Failure, Outcome};

/// Where a verb's data goes.
pub struct Output {
    json: bool,
    to: Box<dyn Write + Send>,
}

impl Output {
    /// Standard output.
    pub fn stdout(json: bool) -> Self {
        Self { json, to: Box::new(BufWriter::new(io::stdout())) }
    }

    /// Whether `--json` was given.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// One line of text.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn line(&mut self, text: impl Display) -> Outcome {
        writeln!(self.to, "{text}").map_err(|error| Failure::stdout(&error))
    }

    /// One value: as a line of JSON with `--json`, else as `text` says it.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn value<V: Serialize>(&mut self, value: &V, text: impl FnOnce(&V) -> String) -> Outcome {
        self.write_value(value, text).map_err(|error| Failure::stdout(&error))
    }

    /// As [`Output::value`], with the plain error.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn write_value<V: Serialize>(
        &mut self,
        value: &V,
        text: impl FnOnce(&V) -> String,
    ) -> io::Result<()> {
        if self.json {
            serde_json::to_writer(&mut self.to, value)?;
            return self.to.write_all(b"\n");
        }
        let text = text(value);
        if text.is_empty() { Ok(()) } else { writeln!(self.to, "{text}") }
    }

    /// Hands everything over to the reader.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn flush(&mut self) -> Outcome {
        self.to.flush().map_err(|error| Failure::stdout(&error))
    }
}

/// Rows in aligned columns, two spaces between; no trailing spaces.
pub fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Bytes for people: `12.3 MB` (powers of 1000, as file managers and Azure's portal show them).
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.95 && unit < UNITS.len() - 1 {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// Control characters and the like escaped, so that a foreign text cannot steer the terminal.
pub fn safe(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_without_trailing_spaces() {
        let rows = [["a".into(), "bb".into()], ["ccc".into(), String::new()]];
        assert_eq!(columns(&rows), "a    bb\nccc");
    }

    #[test]
    fn bytes_read_well() {
        assert_eq!(
            [0, 999, 1000, 999_949, 12_345_678].map(human_bytes),
            ["0 B", "999 B", "1.0 kB", "999.9 kB", "12.3 MB"]
        );
    }

    #[test]
    fn a_foreign_text_cannot_steer_the_terminal() {
        assert_eq!(safe("a\x1b[2Jb\r"), "a\\u{1b}[2Jb\\r");
    }
}
