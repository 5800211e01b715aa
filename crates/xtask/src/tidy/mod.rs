//! `cargo xtask tidy`: the walls between crates, and the rules that no lint knows.
//!
//! Every check is a function from text to complaints, and each has a test that shows it red.

mod closure;
mod files;
mod symbols;
mod table;

use std::fs;
use std::process::ExitCode;

use valet_testkit::workspace;

use crate::{Outcome, shell};

/// Files longer than this are listed: not wrong, but worth a look.
const LINES_LISTED: usize = 400;

/// Runs every check; prints what it is worth a look at.
pub(crate) fn run(_: &[String]) -> Outcome {
    check()?;
    println!("tidy: the walls stand");
    Ok(ExitCode::SUCCESS)
}

/// Runs every check; all complaints at once.
pub(crate) fn check() -> Result<(), String> {
    let sources = files::tracked()?;
    for (path, lines) in files::long(&sources, LINES_LISTED) {
        eprintln!("tidy: {path} has {lines} lines");
    }
    let complaints =
        [crates()?, files::without_introduction(&sources), files::with_registry(&sources), programs()?]
            .concat();
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) }
}

/// Wall (b): every crate reaches what ARCHITECTURE.md says, no more and no less.
fn crates() -> Result<Vec<String>, String> {
    let metadata = shell::output(&mut shell::cargo(&["metadata", "--format-version=1", "--no-deps"]))?;
    let built = closure::closures(&metadata)?;
    let path = workspace::root().join("ARCHITECTURE.md");
    let text =
        fs::read_to_string(&path).map_err(|cause| format!("cannot read {}: {cause}", path.display()))?;
    Ok(closure::differences(&table::parse(&text)?, &built))
}

/// Wall (c): worker and dispatcher have nothing of the crate that signs. The producer has, or the search is blind.
fn programs() -> Result<Vec<String>, String> {
    shell::build_programs()?;
    let folder = workspace::program_folder();
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).map_err(|cause| format!("cannot read {}: {cause}", path.display()))
    };
    let (worker, dispatch) = (read("valet-worker")?, read("valet-dispatch")?);
    let keyless = [("valet-worker", &worker), ("valet-dispatch", &dispatch)]
        .map(|(name, bytes)| symbols::Keyless { name, bytes });
    Ok(symbols::complaints(&keyless, &read("valet")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_reach_what_the_architecture_says() {
        let complaints = crates().expect("ARCHITECTURE.md has the table of crates");
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }

    #[test]
    fn files_keep_the_rules() {
        let sources = files::tracked().expect("this is a git clone");
        let complaints = [files::without_introduction(&sources), files::with_registry(&sources)].concat();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
}
