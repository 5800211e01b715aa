//! Mistakes on the command line: exit 2, or 65 when the data is wrong.

use crate::harness::valet;

#[test]
fn what_clap_refuses_is_explained() {
    valet("sumbit").golden("usage-unknown-verb");
    valet("submit").golden("usage-no-input");
    valet("submit a b --manifest m.csv").golden("usage-input-and-manifest");
    valet("submit raw/a out/b --frobnicate").golden("usage-unknown-option");
    valet("dead replay").golden("usage-no-selection");
    valet("wait 1 --timeout soon").golden("usage-bad-timeout");
}

#[test]
fn ids_and_filters_are_checked() {
    valet("wait not-an-id").golden("usage-bad-id");
    valet("status -").stdin("\n").golden("usage-no-ids");
    valet("events --kind exploded").golden("usage-bad-kind");
    valet("events --since yesterday").golden("usage-bad-since");
    valet("list --state lost").golden("usage-bad-state");
    valet("submit raw/a.mov out/a --param crf").storage().golden("usage-bad-param");
    valet("submit raw/a.mov out/a -p copy --dry-run --idempotency-key ''")
        .storage()
        .golden("usage-empty-key");
}

#[test]
fn names_are_checked_before_anything_is_minted() {
    let dry = |rest: &str| valet(&format!("submit {rest} -p copy --dry-run")).storage();
    dry("a.mov out/a.mov").golden("data-no-container");
    dry("IN/a.mov out/a.mov").golden("data-bad-container");
    dry("'raw/a\\b.mov' out/a.mov --exact").golden("data-backslash");
    dry("raw/a/../b.mov out/a.mov").golden("data-dot-segment");
    dry("raw/a.mov out/a/").golden("data-trailing-slash");
    dry("raw/a.mov").golden("data-no-output");
    dry("raw/a.mov raw/a.mov").golden("data-same-blob");
    dry("raw/a.mov 'out/{stme}.mp4'").golden("data-unknown-placeholder");
    dry("raw/a.mov 'out/{stem.mp4'").golden("data-unpaired-brace");
    dry("'https://acct.blob.core.windows.net/in/a.mov?sp=r&sig=c2VjcmV0' out/a --exact")
        .golden("data-url-input");
    dry("raw/a.mov 'https://acct.blob.core.windows.net/out/a?sig=c2VjcmV0'").golden("data-url-output");
    dry("'https://acct.blob.core.windows.net/in/a.mov?sp=r&sig=c2VjcmV0' out/a").golden("data-url-no-glob");
    dry("'acct.blob.core.windows.net/in/a.mov?sp=r&sig=c2VjcmV0' out/a").golden("data-url-without-scheme");
    dry("'*/a.mov' out/a").golden("data-glob-container");
    dry("'raw/[a' out/a").golden("data-bad-glob");
}

#[test]
fn presets_and_parameters_are_checked() {
    let dry = |rest: &str| valet(&format!("submit raw/a.mov out/a.mp4 --dry-run {rest}")).storage();
    dry("").golden("data-no-preset");
    dry("-p h264-720").golden("data-unknown-preset");
    dry("-p h264-720p@99").golden("data-unknown-version");
    dry("-p h264-720p@new").golden("data-bad-version");
    dry("-p h264-720p --param crf=99").golden("data-param-out-of-bounds");
    dry("-p h264-720p --param crff=23").golden("data-unknown-param");
    dry("-p copy --priority urgent").golden("data-bad-priority");
    dry("-p copy --ttl soon").golden("data-bad-ttl");
    dry("-p copy --ttl 48h").golden("data-long-ttl");
    dry("-p copy --wall 2h --ttl 1h").golden("data-short-ttl");
    dry("-p copy --limit memory=2GiB").golden("data-unknown-limit");
    dry("-p copy --limit memory_bytes=much").golden("data-bad-limit");
    dry("-p copy --limit streams=99").golden("data-limit-out-of-range");
    dry("-p copy --limit wall_seconds=60").golden("data-limit-wall");
    valet("preset show h264").golden("data-unknown-preset-show");
}

#[test]
fn a_dry_run_shows_the_job_with_redacted_grants() {
    let line = "submit raw/2024/a.mov 'out/{path}/{stem}.{ext}' -p h264-720p --param crf=20 --tag title=42 \
                --priority high --dry-run --idempotency-key nightly";
    valet(line).storage().golden("dry-run");
    let json = valet(&format!("{line} --json")).storage().finish().expect_code(0);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).expect("one JSON object");
    assert_eq!(value["output"]["blob"], "out/2024/a.mp4");
    assert_eq!(value["params"]["crf"], 20);
    assert!(!json.stdout.contains("sig="), "{}", json.stdout);
}

#[test]
fn limits_travel_with_the_job() {
    let line = "submit raw/a.mov out/a.mp4 -p h264-720p --limit memory_bytes=2GiB --limit duration_seconds=1h \
                --dry-run --json";
    let json = valet(line).storage().finish().expect_code(0);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).expect("one JSON object");
    let limits = serde_json::json!({ "memory_bytes": 2_147_483_648_u64, "duration_seconds": 3_600 });
    assert_eq!(value["limits"], limits);
    let text = valet(&line.replace(" --json", "")).storage().finish().expect_code(0).stdout;
    assert!(text.contains("limits  duration_seconds=3600 memory_bytes=2147483648"), "{text}");
}

#[test]
fn the_same_work_under_the_same_key_has_the_same_id() {
    let id = |key: &str| {
        let line = format!("submit raw/a.mov out/a.mov -p copy --dry-run --idempotency-key {key} --json");
        let value = valet(&line).storage().finish().expect_code(0).stdout;
        serde_json::from_str::<serde_json::Value>(&value).expect("one JSON object")["id"].clone()
    };
    assert_eq!(id("monday"), id("monday"));
    assert_ne!(id("monday"), id("tuesday"));
}
