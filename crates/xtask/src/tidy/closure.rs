//! Which crate of the workspace reaches which, by the dependencies that a build of it follows.
//!
//! Dev-dependencies are left out: tests may reach anything. Build and optional dependencies count: a feature
//! is not a wall.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Crate → the crates it reaches, directly or through others.
pub(super) type Closures = BTreeMap<String, BTreeSet<String>>;

/// The closures of all workspace crates, from `cargo metadata --no-deps`.
pub(super) fn closures(metadata: &str) -> Result<Closures, String> {
    let metadata: Value =
        serde_json::from_str(metadata).map_err(|cause| format!("cargo metadata: {cause}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata has no packages")?;
    let crates = packages.iter().filter_map(|package| Some((name(package)?, dependencies(package))));
    let direct: Closures = crates.collect();
    Ok(direct.keys().map(|name| (name.clone(), reach(name, &direct))).collect())
}

/// Where `built` is not what `told` says, one line each.
pub(super) fn differences(told: &Closures, built: &Closures) -> Vec<String> {
    let none = BTreeSet::new();
    let names: BTreeSet<&String> = told.keys().chain(built.keys()).collect();
    let mut lines = Vec::new();
    for name in names {
        match (told.contains_key(name), built.contains_key(name)) {
            (true, false) => lines.push(format!("ARCHITECTURE.md has {name}, the workspace has not")),
            (false, true) => lines.push(format!("the workspace has {name}, ARCHITECTURE.md has not")),
            _ => {}
        }
        let [told, built] = [told, built].map(|side| side.get(name).unwrap_or(&none));
        lines.extend(
            built.difference(told).map(|to| format!("{name} reaches {to}; ARCHITECTURE.md does not say so")),
        );
        lines.extend(
            told.difference(built).map(|to| format!("{name} does not reach {to}; ARCHITECTURE.md says so")),
        );
    }
    lines
}

fn reach(from: &str, direct: &Closures) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        for next in direct.get(name).into_iter().flatten() {
            if reached.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    reached
}

/// Dependencies on crates of the workspace; those have a path.
fn dependencies(package: &Value) -> BTreeSet<String> {
    let all = package["dependencies"].as_array().into_iter().flatten();
    all.filter(|dependency| dependency["path"].is_string() && dependency["kind"] != "dev")
        .filter_map(name)
        .collect()
}

/// The name as the table has it, which is its folder's. The package of end-to-end tests has another kind of
/// name and is no part of the house.
fn name(package: &Value) -> Option<String> {
    package["name"].as_str()?.strip_prefix("valet-").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tidy::table;

    const TABLE: &str = "## Crates\n| crate | reaches |\n|---|---|\n| `mint` | – |\n| `protocol` | – |\n\
        | `testkit` | – |\n| `worker` | `protocol` |\n";

    /// A workspace in which `worker` depends on `protocol` and on what is given.
    fn workspace(of_worker: &[(&str, Value)], of_protocol: &[(&str, Value)]) -> Closures {
        let list = |pairs: &[(&str, Value)]| -> Vec<Value> {
            pairs.iter().map(|(name, kind)| json!({"name": name, "kind": kind, "path": "x"})).collect()
        };
        let package =
            |name: &str, dependencies: Vec<Value>| json!({"name": name, "dependencies": dependencies});
        let own = [&[("valet-protocol", Value::Null)], of_worker].concat();
        let packages = json!({"packages": [
            package("valet-worker", list(&own)),
            package("valet-protocol", [list(of_protocol), vec![json!({"name": "serde", "kind": null})]].concat()),
            package("valet-mint", vec![]),
            package("valet-testkit", vec![]),
            package("e2e", vec![]),
        ]});
        closures(&packages.to_string()).expect("a well-formed workspace")
    }

    fn complaints(built: &Closures) -> Vec<String> {
        differences(&table::parse(TABLE).expect("a table"), built)
    }

    #[test]
    fn what_the_table_says_is_fine_and_tests_may_reach_anything() {
        assert_eq!(complaints(&workspace(&[], &[])), [""; 0]);
        assert_eq!(complaints(&workspace(&[("valet-testkit", json!("dev"))], &[])), [""; 0]);
    }

    #[test]
    fn worker_that_reaches_mint_is_red() {
        let red = complaints(&workspace(&[("valet-mint", Value::Null)], &[]));
        assert_eq!(red, ["worker reaches mint; ARCHITECTURE.md does not say so"]);
    }

    #[test]
    fn worker_that_reaches_mint_through_another_crate_is_red() {
        let red = complaints(&workspace(&[], &[("valet-mint", Value::Null)]));
        assert_eq!(
            red,
            [
                "protocol reaches mint; ARCHITECTURE.md does not say so",
                "worker reaches mint; ARCHITECTURE.md does not say so"
            ]
        );
    }

    #[test]
    fn worker_that_reaches_mint_in_its_build_script_is_red() {
        assert_eq!(complaints(&workspace(&[("valet-mint", json!("build"))], &[])).len(), 1);
    }

    #[test]
    fn a_promise_that_the_build_does_not_need_is_red() {
        let mut built = workspace(&[], &[]);
        built.insert("worker".into(), BTreeSet::new());
        assert_eq!(complaints(&built), ["worker does not reach protocol; ARCHITECTURE.md says so"]);
    }

    #[test]
    fn crates_and_rows_must_pair() {
        let mut built = workspace(&[], &[]);
        built.remove("mint");
        built.insert("jail".into(), BTreeSet::new());
        assert_eq!(
            complaints(&built),
            [
                "the workspace has jail, ARCHITECTURE.md has not",
                "ARCHITECTURE.md has mint, the workspace has not"
            ]
        );
    }
}
