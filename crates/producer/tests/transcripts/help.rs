//! `--help` of every verb, and the documents that must not drift from the program.

use std::collections::BTreeSet;

use clap::Command;

use crate::harness::{golden_folder, valet};

/// Every verb with its path: `grant mint`.
fn paths(command: &Command, above: &str) -> Vec<String> {
    let mut all = Vec::new();
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        let path = format!("{above} {}", verb.get_name()).trim().to_owned();
        all.push(path.clone());
        all.extend(paths(verb, &path));
    }
    all
}

fn golden_name(path: &str) -> String {
    format!("help-{}", path.replace(' ', "-"))
}

#[test]
fn help_of_every_verb_is_as_written_down() {
    valet("--help").golden("help");
    valet("").golden("help-short");
    for path in paths(&valet_producer::cli::command(), "") {
        valet(&format!("{path} --help")).golden(&golden_name(&path));
    }
}

#[test]
fn no_help_is_written_down_for_verbs_that_are_gone() {
    let mut known: BTreeSet<_> =
        paths(&valet_producer::cli::command(), "").iter().map(|path| golden_name(path)).collect();
    known.extend(["help".to_owned(), "help-short".to_owned()]);
    let files = std::fs::read_dir(golden_folder()).expect("the golden folder is there");
    let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let helps =
        names.filter(|name| name.starts_with("help")).map(|name| name.trim_end_matches(".txt").to_owned());
    let stale: Vec<_> = helps.filter(|name| !known.contains(name)).collect();
    assert_eq!(stale, Vec::<String>::new(), "golden files without a verb");
}

#[test]
fn exit_codes_are_the_same_in_the_program_and_in_the_documents() {
    valet("exit-codes").golden("exit-codes");
    valet("exit-codes --json").golden("exit-codes-json");
    let table = valet_producer::exit::markdown_table();
    let path = valet_testkit::workspace::root().join("docs/exit-codes.md");
    let document = std::fs::read_to_string(&path).expect("docs/exit-codes.md is there");
    assert!(document.contains(&table), "docs/exit-codes.md lacks this table:\n{table}");
}

#[test]
fn presets_are_listed_and_shown() {
    let listed = valet("preset ls").finish().expect_code(0);
    let json = valet("preset ls --json").finish().expect_code(0);
    let count = valet_preset::catalogue().len();
    assert_eq!((listed.stdout.lines().count(), json.stdout.lines().count()), (count, count));
    for preset in valet_preset::catalogue() {
        let info = preset.info();
        let shown = valet(&format!("preset show {}@{}", info.name, info.version)).finish().expect_code(0);
        assert!(info.params.iter().all(|param| shown.stdout.contains(param.name)), "{}", shown.stdout);
    }
    valet("preset show copy").golden("preset-show-copy");
}

#[test]
fn completions_and_man_pages_are_made() {
    for shell in ["bash", "zsh", "fish"] {
        let script = valet(&format!("completions {shell}")).finish().expect_code(0);
        assert!(script.stdout.contains("valet") && script.stdout.contains("topology"), "{shell}");
    }
    let folder = valet_testkit::Folder::new("man");
    valet(&format!("man {}", folder.path().display())).finish().expect_code(0);
    for page in ["valet.1", "valet-submit.1", "valet-grant-mint.1"] {
        assert!(folder.join(page).exists(), "{page}");
    }
    valet("man nowhere/at/all").golden("man-no-folder");
}
