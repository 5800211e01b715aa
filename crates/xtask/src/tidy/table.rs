//! The table of crates in ARCHITECTURE.md.
//!
//! Under the heading `## Crates`, the first table with a column `crate` and a column `reaches`, among any
//! others. Names are in backticks, as their folders are called; everything else in a cell is for people.
//! `reaches` lists every crate of the workspace that is reached, through others too.

use std::collections::BTreeSet;

use super::closure::Closures;

/// Reads the table.
pub(super) fn parse(markdown: &str) -> Result<Closures, String> {
    let (_, section) = markdown
        .split_once("\n## Crates\n")
        .or_else(|| markdown.split_once("## Crates\n"))
        .ok_or("ARCHITECTURE.md has no heading `## Crates`")?;
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut rows = section.lines().filter(|line| line.starts_with('|')).map(cells);
    let header = rows.next().ok_or("ARCHITECTURE.md has no table under `## Crates`")?;
    let column = |name: &str| {
        let place = header.iter().position(|cell| cell == name);
        place.ok_or_else(|| format!("ARCHITECTURE.md's table of crates has no column `{name}`"))
    };
    let (own, reaches) = (column("crate")?, column("reaches")?);
    rows.skip(1).map(|row| parse_row(&row, own, reaches)).collect()
}

fn parse_row(row: &[String], own: usize, reaches: usize) -> Result<(String, BTreeSet<String>), String> {
    let named = |column: usize| row.get(column).map(|cell| in_backticks(cell)).unwrap_or_default();
    let name = named(own).pop().ok_or_else(|| format!("no crate in backticks in the row {row:?}"))?;
    Ok((name, named(reaches).into_iter().collect()))
}

fn cells(line: &str) -> Vec<String> {
    line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

fn in_backticks(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_columns_and_sections_do_not_matter() {
        let text = "# A\n| crate | reaches |\n|---|---|\n| `no` | – |\n\n## Crates\nWords.\n\n\
            | crate | one line | reaches |\n|---|---|---|\n| `mint` | signs `x` | `grant` |\n\
            | `worker` | runs | `blob`, `grant` and `jail` |\n| `grant` | | – |\n\n## More\n| `no` | |\n";
        let table = parse(text).expect("a table");
        let rows: Vec<String> = table.iter().map(|(name, to)| format!("{name}: {to:?}")).collect();
        assert_eq!(rows, ["grant: {}", "mint: {\"grant\"}", "worker: {\"blob\", \"grant\", \"jail\"}"]);
    }

    #[test]
    fn a_missing_part_is_named() {
        assert!(parse("# A\n").is_err_and(|text| text.contains("`## Crates`")));
        assert!(parse("## Crates\nWords.\n").is_err_and(|text| text.contains("no table")));
        let without = "## Crates\n| crate | uses |\n|---|---|\n";
        assert!(parse(without).is_err_and(|text| text.contains("`reaches`")));
        let nameless = "## Crates\n| crate | reaches |\n|---|---|\n| mint | – |\n";
        assert!(parse(nameless).is_err_and(|text| text.contains("in backticks")));
    }
}
