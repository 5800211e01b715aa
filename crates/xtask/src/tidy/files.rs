//! Rules about files in the repository.

use std::fs;

use valet_testkit::workspace;

use crate::shell;

/// Files that name registries by nature: Cargo writes the first.
const LOCK_FILE: &str = "Cargo.lock";

/// Hosts that packages come from. Where packages come from is each person's setting, not the project's.
/// In pieces, or this file would break its own rule.
const REGISTRIES: [&str; 7] = [
    concat!("registry.", "npmjs.org"),
    concat!("registry.", "yarnpkg.com"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("github.com/rust-lang/", "crates.io-index"),
    concat!("pypi", ".org"),
    concat!("proxy.", "golang.org"),
];

/// A file's path from the root, and its text.
pub(super) type Source = (String, String);

/// Every text file that git knows.
pub(super) fn tracked() -> Result<Vec<Source>, String> {
    let list = shell::output(shell::command("git").args(["ls-files", "-z"]))?;
    let root = workspace::root();
    // Unreadable: binary, or removed and not yet committed.
    let read = |path: &str| Some((path.to_owned(), fs::read_to_string(root.join(path)).ok()?));
    Ok(list.split('\0').filter(|path| !path.is_empty()).filter_map(read).collect())
}

/// Rust files that do not open by saying what they are.
pub(super) fn without_introduction(sources: &[Source]) -> Vec<String> {
    let rust = sources.iter().filter(|(path, _)| path.ends_with(".rs"));
    let silent = rust.filter(|(_, text)| !text.starts_with("//! "));
    silent.map(|(path, _)| format!("{path} does not open with `//! ` and what it is")).collect()
}

/// Files that name a registry's host.
pub(super) fn with_registry(sources: &[Source]) -> Vec<String> {
    let mut lines = Vec::new();
    for (path, text) in sources.iter().filter(|(path, _)| !path.ends_with(LOCK_FILE)) {
        let named = REGISTRIES.iter().filter(|&host| text.contains(host));
        lines.extend(named.map(|host| format!("{path} names the registry {host}")));
        if path.ends_with("package-lock.json") && text.contains("\"resolved\"") {
            lines.push(format!(
                "{path} says where packages came from; npm has omit-lockfile-registry-resolved"
            ));
        }
    }
    lines
}

/// Rust files with more lines than `limit`, and how many.
pub(super) fn long(sources: &[Source], limit: usize) -> Vec<(&str, usize)> {
    let rust = sources.iter().filter(|(path, _)| path.ends_with(".rs"));
    let counted = rust.map(|(path, text)| (path.as_str(), text.lines().count()));
    counted.filter(|&(_, lines)| lines > limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Vec<Source> {
        vec![(path.to_owned(), text.to_owned())]
    }

    #[test]
    fn a_file_without_introduction_is_red() {
        assert_eq!(without_introduction(&source("a.rs", "//! Reads.\nfn f() {}")), [""; 0]);
        assert_eq!(without_introduction(&source("a.md", "# A")), [""; 0]);
        assert_eq!(without_introduction(&source("a.rs", "fn f() {}")).len(), 1);
    }

    #[test]
    fn a_registry_is_red_except_in_cargos_lock_file() {
        for host in REGISTRIES {
            assert_eq!(with_registry(&source("a.toml", host)).len(), 1, "{host}");
            assert_eq!(with_registry(&source("fuzz/Cargo.lock", host)), [""; 0], "{host}");
        }
        let lock = source("tools/x/package-lock.json", "{\"resolved\": \"elsewhere\"}");
        assert_eq!(with_registry(&lock).len(), 1);
    }

    #[test]
    fn long_files_are_counted() {
        let sources = source("a.rs", &"x\n".repeat(5));
        assert_eq!(long(&sources, 4), [("a.rs", 5)]);
        assert_eq!(long(&sources, 5), []);
    }
}
