//! How the demo talks: headings, commands, and promises that were kept or broken. Colours on a terminal only.

use std::fmt::Display;
use std::io::IsTerminal as _;

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const RED: &str = "31;1";

/// Every promise that was looked at, so that the demo fails when one is broken.
#[derive(Debug, Default)]
pub(super) struct Promises {
    kept: usize,
    broken: Vec<String>,
}

impl Promises {
    /// Prints one line for a promise and remembers how it went.
    pub(super) fn hold(&mut self, is_kept: bool, line: impl Display) {
        let line = line.to_string();
        if is_kept {
            self.kept += 1;
            println!("  {} {line}", paint(GREEN, "✔"));
        } else {
            println!("  {} {line}", paint(RED, "✘ BROKEN:"));
            self.broken.push(line);
        }
    }

    /// How many were kept.
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// Those that were not.
    pub(super) fn broken(&self) -> &[String] {
        &self.broken
    }
}

/// The heading of a part.
pub(super) fn part(title: impl Display) {
    println!("\n{}", paint(BOLD, &format!("── {title} ──")));
}

/// A remark below a heading.
pub(super) fn remark(text: impl Display) {
    println!("{}", paint(DIM, &text.to_string()));
}

/// A command as one would type it.
pub(super) fn command(words: &[&str]) {
    println!("{} {}", paint(DIM, "$"), paint(BOLD, &words.join(" ")));
}

/// Rows of a name and what is to be said about it, aligned.
pub(super) fn rows<const N: usize>(rows: &[[String; N]]) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        println!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// Bytes for people, in powers of 1000.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        _ => format!("{:.1} MB", count as f64 / 1e6),
    }
}

fn paint(style: &str, text: &str) -> String {
    let is_plain = std::env::var_os("NO_COLOR").is_some() || !std::io::stdout().is_terminal();
    if is_plain { text.to_owned() } else { format!("\x1b[{style}m{text}\x1b[0m") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_promise_is_remembered() {
        let mut promises = Promises::default();
        promises.hold(true, "a");
        promises.hold(false, "b");
        assert_eq!((promises.kept(), promises.broken()), (1, ["b".to_owned()].as_slice()));
    }

    #[test]
    fn bytes_read_well() {
        assert_eq!([7, 1_500, 12_345_678].map(bytes), ["7 B", "1.5 kB", "12.3 MB"]);
    }
}
