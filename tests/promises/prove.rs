//! `valet-worker prove`: a hostile program in the very jail of this worker tries everything, and says what came
//! of it.

use std::collections::BTreeSet;

use serde_json::Value;
use valet_testkit::{Finished, Program};

use crate::mode::Mode;
use crate::stage::{COMMAND_TIMEOUT, Stage};

/// Fewer than these would be no proof: facts about containment name about a hundred attempts.
const ATTEMPTS_MIN: usize = 100;

/// Attempts as JSON lines; the last line, which sums up, agrees.
#[track_caller]
fn attempts(finished: &Finished, level: &str) -> Vec<Value> {
    let parse =
        |line: &str| -> Value { serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")) };
    let mut lines: Vec<Value> = finished.stdout.lines().map(parse).collect();
    let sum = lines.pop().expect("it says something");
    assert_eq!((&sum["level"], &sum["loose"]), (&level.into(), &0.into()), "{sum:#}");
    assert_eq!(sum["contained"], lines.len(), "{sum:#}");
    lines
}

fn text<'a>(attempt: &'a Value, field: &str) -> &'a str {
    attempt[field].as_str().unwrap_or_else(|| panic!("no {field} in {attempt:#}"))
}

/// Proves at this level.
fn prove(stage: &Stage<'_>, level: &str) -> Program {
    let levels = [("VALET_JAIL_LEVEL_MIN", level), ("VALET_JAIL_LEVEL_MAX", level)];
    stage.worker_verb("prove").envs(levels)
}

/// The levels that there are here.
fn levels(mode: Mode) -> &'static [&'static str] {
    if mode.has_namespaces { &["L1", "L2"] } else { &["L2"] }
}

#[test]
fn every_attempt_is_told_and_refused() {
    let stage = Stage::new();
    for level in levels(stage.mode) {
        let finished = prove(&stage, level).arg("--json").run(COMMAND_TIMEOUT).expect_code(0);
        let attempts = attempts(&finished, level);
        let names: BTreeSet<&str> = attempts.iter().map(|attempt| text(attempt, "name")).collect();
        assert!(names.len() >= ATTEMPTS_MIN, "{} attempts at {level}: {names:?}", names.len());
        assert_eq!(names.len(), attempts.len(), "each is told once: {names:?}");
        for attempt in &attempts {
            assert!(["refused", "harmless"].contains(&text(attempt, "verdict")), "{attempt:#}");
            let told = ["group", "what", "by"].iter().all(|field| !text(attempt, field).is_empty());
            assert!(told, "{attempt:#}");
        }
        let groups: BTreeSet<&str> = attempts.iter().map(|attempt| text(attempt, "group")).collect();
        assert!(groups.len() >= 4, "files, network, processes, system calls, the door: {groups:?}");
    }
}

#[test]
fn people_can_read_every_attempt() {
    let stage = Stage::new();
    let level = levels(stage.mode)[0];
    let attempts = attempts(&prove(&stage, level).arg("--json").run(COMMAND_TIMEOUT).expect_code(0), level);
    let said = prove(&stage, level).run(COMMAND_TIMEOUT).expect_code(0).stdout;
    for attempt in &attempts {
        assert!(said.contains(text(attempt, "what")), "{attempt:#} is not in\n{said}");
    }
    assert!(said.contains(level), "it says which level: {said}");
    assert!(!said.contains('\u{1b}'), "no colours where there is no terminal");
}

#[test]
fn a_level_that_the_machine_cannot_give_is_refused_with_cause_and_setting() {
    let stage = Stage::new();
    let mode = stage.mode.without_namespaces();
    for verb in ["prove", "run"] {
        let program = stage.worker_in(mode, verb).env("VALET_JAIL_LEVEL_MIN", "L1");
        let refused = program.run(COMMAND_TIMEOUT);
        let said = &refused.stderr;
        assert!(refused.code.is_some_and(|code| code != 0), "{verb}: {said}");
        assert!(said.contains("namespace") && said.contains("jail.level_min"), "{verb}: {said}");
        assert!(!said.contains("taking jobs"), "{said}");
    }
}

#[test]
fn without_namespaces_the_lower_level_is_proven_unasked() {
    let stage = Stage::new();
    let mode = stage.mode.without_namespaces();
    let finished = stage.worker_in(mode, "prove").run(COMMAND_TIMEOUT).expect_code(0);
    assert!(finished.stdout.contains("L2"), "{}", finished.stdout);
}
