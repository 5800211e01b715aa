//! What a message may ask, and how it is told what it may not.

use serde_json::{Map, Value, json};
use valet_preset::{ParamKind, ParamProblem, ParamSpec, PresetError, catalogue, find, resolve};

fn refusal(name: &str, params: Value) -> PresetError {
    resolve(name, 1, params.as_object().expect("an object"))
        .map(|plan| format!("{plan:?}"))
        .expect_err("a refusal")
}

fn words(name: &str, params: Value) -> String {
    let why = refusal(name, params);
    format!("{why} | {}", why.advice())
}

#[test]
fn refusals_say_what_is_wrong_and_what_to_do() {
    let said = [
        words("h264-720", json!({})),
        words("make-me-rich", json!({})),
        resolve("copy", 9, &Map::new()).expect_err("no such version").to_string(),
        words("h264-720p", json!({ "cfr": 20 })),
        words("h264-720p", json!({ "crf": 99 })),
        words("h264-720p", json!({ "crf": 3 })),
        words("h264-720p", json!({ "crf": 23.5 })),
        words("h264-720p", json!({ "speed": "slowest" })),
        words("loudnorm-aac", json!({ "loudness": -99.5 })),
        words("loudnorm-aac", json!({ "loudness": "loud" })),
        words("image-webp", json!({ "lossless": 1 })),
        words("image-webp", json!({ "width": { "a": 1 } })),
        words("sprite-sheet", json!({ "count": 3, "interval_seconds": 1 })),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn what_is_shown_of_a_message_is_short_and_plain() {
    let long = "\u{1b}[31m\n\"".repeat(5_000);
    for text in [
        resolve(&long, 1, &Map::new()).expect_err("unknown").to_string(),
        words("h264-720p", json!({ long.clone(): 1 })),
        words("h264-720p", json!({ "speed": long })),
    ] {
        assert!(text.len() < 400, "{} bytes", text.len());
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
}

#[test]
fn every_bound_of_every_parameter_holds() {
    for info in catalogue().iter().map(|preset| preset.info()) {
        for spec in info.params {
            for (value, fits) in at_the_bounds(spec) {
                let params = Map::from_iter([(spec.name.to_owned(), value.clone())]);
                let answer = resolve(info.name, info.version, &params);
                assert_eq!(answer.is_ok(), fits, "{} {} = {value}", info.name, spec.name);
            }
        }
    }
}

/// Values on both sides of each bound, and whether they are fine.
fn at_the_bounds(spec: &ParamSpec) -> Vec<(Value, bool)> {
    let mut values = match spec.kind {
        ParamKind::Integer { min, max } => {
            vec![(json!(min - 1), false), (json!(min), true), (json!(max), true), (json!(max + 1), false)]
        }
        ParamKind::Decimal { min, max } => {
            vec![
                (json!(min - 0.01), false),
                (json!(min), true),
                (json!(max), true),
                (json!(max + 0.01), false),
            ]
        }
        ParamKind::Choice { of } => of.iter().map(|word| (json!(word), true)).collect(),
        ParamKind::Switch => vec![(json!(true), true), (json!(false), true)],
    };
    // No text of a message is ever a value, whatever the kind.
    values.extend([json!("-i"), json!(""), json!(null), json!([]), json!({})].map(|value| (value, false)));
    values
}

#[test]
fn names_are_found_in_their_newest_version() {
    for preset in catalogue() {
        let info = find(preset.info().name).expect("listed presets are found");
        assert!(info.version >= preset.info().version);
        assert!(resolve(info.name, info.version, &Map::new()).is_ok(), "{} has defaults", info.name);
    }
    let both = refusal("sprite-sheet", json!({ "count": 3, "interval_seconds": 1 }));
    assert!(matches!(both, PresetError::BadParam { problem: ParamProblem::Excludes { .. }, .. }));
}

#[test]
fn names_are_unique_and_plain() {
    let mut seen = std::collections::BTreeSet::new();
    for info in catalogue().iter().map(|preset| preset.info()) {
        assert!(seen.insert((info.name, info.version)), "{} is listed twice", info.name);
        assert!(info.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        for spec in info.params {
            assert!(spec.name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{}", spec.name);
        }
    }
}
